import type { Clock, Logger } from '@dougdb/ports';
import { DougError, encodePut, type NodeDescriptor } from '@dougdb/rpc-proto';
import { oneAnswer } from '../handlers/unary-sink.js';
import type { AddressBook } from '../peers/address-book.js';
import type { Store } from '../store/store.js';
import type { ClusterMap } from './cluster-map.js';
import { encodeRow } from './row-format.js';

/** A node whose address goes to and fro costs one write in so much time. */
const PAUSE_MS = 5_000;
const WRITE_TIMEOUT_MS = 5_000;

export interface AddressKeeperOptions {
  readonly store: Store;
  readonly map: ClusterMap;
  readonly book: AddressBook;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * On the leader of the meta group: writes the row of a node that said another address in its handshake. It
 * asks for nothing but that: the newest word counts, and writing the same again changes nothing.
 */
export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  readonly #notBeforeMs = new Map<number, number>();
  #isWriting = false;
  #lookedAt = '';

  constructor(options: AddressKeeperOptions) {
    this.#options = options;
  }

  /** Called each tick; looks only when something has changed, or was put off. */
  tick(): void {
    const { store, map, book, clock } = this.#options;
    if (this.#isWriting || store.meta?.isLeader !== true || map.revision === 0) return;
    const state = `${book.version} ${map.revision}`;
    if (state === this.#lookedAt) return;
    const nowMs = clock.monotonicMs();
    let isPutOff = false;
    for (const { value: row } of map.meta.nodes.values()) {
      const said = book.saidBy(row.nodeId);
      if (said === '' || said === row.address) continue;
      isPutOff = true;
      if (nowMs < (this.#notBeforeMs.get(row.nodeId) ?? 0)) continue;
      this.#notBeforeMs.set(row.nodeId, nowMs + PAUSE_MS);
      this.#write({ ...row, address: said });
      return;
    }
    if (!isPutOff) this.#lookedAt = state;
  }

  #write(node: NodeDescriptor): void {
    const { store, clock, logger } = this.#options;
    const { meta } = store;
    if (meta === undefined) return;
    const { nodeId, address } = node;
    const { key, value } = encodeRow({ kind: 'node', node });
    const command = encodePut(null, key, value);
    const deadlineMs = clock.monotonicMs() + WRITE_TIMEOUT_MS;
    this.#isWriting = true;
    oneAnswer((sink, id) => meta.write(command, 0, command.length, 0, deadlineMs, sink, id)).then(
      () => {
        this.#isWriting = false;
        logger.info('meta.node.moved', { moved: nodeId, address });
      },
      (error: unknown) => {
        this.#isWriting = false;
        const { reason, message } = DougError.from(error);
        logger.info('meta.node.write.failed', { moved: nodeId, code: reason, reason: message });
      },
    );
  }
}
