import type { Logger } from '@dougdb/ports';
import type { Replica, ScanIterator } from '@dougdb/replica';
import {
  DougError,
  EVENTUAL,
  type NodeDescriptor,
  type PartitionDescriptor,
} from '@dougdb/rpc-proto';
import { hex } from '../genesis/record.js';
import { decodeRow } from './row-format.js';

/** A row with the revision that wrote it. */
export interface Revised<T> {
  readonly value: T;
  readonly revision: number;
}

/** What the meta group knows, as far as it is applied on this node. */
export interface MetaState {
  /** Everything up to here is in it; 0: nothing was read yet. */
  readonly revision: number;
  readonly partitions: ReadonlyMap<number, Revised<PartitionDescriptor>>;
  readonly nodes: ReadonlyMap<number, Revised<NodeDescriptor>>;
}

const NOTHING: MetaState = { revision: 0, partitions: new Map(), nodes: new Map() };
/** Pause after the replica refused to be read, in looks. */
const LOOKS_AFTER_REFUSAL = 100;
const NO_DEADLINE_MS = Number.POSITIVE_INFINITY;

/**
 * Reads the rows of the meta group from the applied state of the replica here, without asking anybody.
 * Rows are read when the revision has moved, and only then; what was read last stays valid for as long as
 * the replica cannot be read.
 */
export class MetaReader {
  readonly #replica: Replica | undefined;
  readonly #logger: Logger;
  #state: MetaState = NOTHING;
  #isReading = false;
  #looksToPause = 0;
  #badAtRevision = 0;

  /** @param replica - of the meta group; undefined where this node has none */
  constructor(replica: Replica | undefined, logger: Logger) {
    this.#replica = replica;
    this.#logger = logger;
  }

  get state(): MetaState {
    return this.#state;
  }

  /** Cheap while nothing has changed. What has changed is read before the next turn of the loop. */
  look(): void {
    const replica = this.#replica;
    if (replica === undefined || this.#isReading) return;
    if (this.#looksToPause > 0) {
      this.#looksToPause--;
      return;
    }
    const { revision } = replica;
    if (revision === this.#state.revision) return;
    this.#isReading = true;
    const done = (): void => {
      this.#isReading = false;
    };
    this.#read(replica, revision).then(done, done);
  }

  async #read(replica: Replica, revision: number): Promise<void> {
    const none = new Uint8Array(0);
    const range = { start: none, end: none, reverse: false, keysOnly: false };
    try {
      // An eventual scan sees what is applied at the moment of the call: not less than `revision`.
      const { iterator } = await replica.scan(
        { ...range, level: EVENTUAL, deadlineMs: NO_DEADLINE_MS },
        0,
      );
      try {
        this.#state = this.#collect(iterator, revision);
      } finally {
        iterator.close();
      }
    } catch (error) {
      this.#looksToPause = LOOKS_AFTER_REFUSAL;
      const { reason, message } = DougError.from(error);
      this.#logger.debug('meta.read.refused', { code: reason, reason: message });
    }
  }

  #collect(rows: ScanIterator, revision: number): MetaState {
    const partitions = new Map<number, Revised<PartitionDescriptor>>();
    const nodes = new Map<number, Revised<NodeDescriptor>>();
    while (rows.next()) {
      // The iterator uses its bytes again, rows live on.
      const row = decodeRow(rows.key().slice(), rows.value().slice());
      const at = rows.sequence();
      if (row.kind === 'partition') {
        partitions.set(row.descriptor.partitionId, { value: row.descriptor, revision: at });
      } else if (row.kind === 'node') {
        nodes.set(row.node.nodeId, { value: row.node, revision: at });
      } else if (row.kind === 'bad' && at > this.#badAtRevision) {
        this.#badAtRevision = at;
        this.#logger.error('meta.row.bad', { key: hex(rows.key()), reason: row.reason });
      }
    }
    return { revision, partitions, nodes };
  }
}
