import type { Clock } from '@dougdb/ports';
import { checkKeyBytes, DougError } from '@dougdb/rpc-proto';
import type { Db, DbIterator } from '@dougdb/sstable';
import type { AnswerSink, Consistency, ReplicaSettings, ScanOptions } from '../contract.js';
import type { Refusals } from '../refusals.js';
import type { ServiceGate } from '../service-gate.js';
import { clipRange, compareKeys, isInRange } from '../state/key-range.js';
import { epochVersionOf, type ReplicaState } from '../state/replica-state.js';
import type { ReadQueue } from './read-queue.js';
import type { TableReader } from './table-reader.js';

export interface ReadFrontOptions {
  readonly gate: ServiceGate;
  readonly state: ReplicaState;
  readonly db: Db;
  readonly queue: ReadQueue;
  readonly tables: TableReader;
  readonly clock: Clock;
  readonly settings: ReplicaSettings;
  readonly refusals: Refusals;
  /** Asks for a turn. */
  readonly wake: () => void;
}

/** Takes reads of clients: checks them, and serves them at once or after a round of ReadIndex. */
export class ReadFront {
  readonly #options: ReadFrontOptions;

  constructor(options: ReadFrontOptions) {
    this.#options = options;
  }

  get(
    key: Uint8Array,
    consistency: Consistency,
    epochVersion: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const refused = this.#refuseNow(consistency, deadlineMs, epochVersion) ?? this.#refuseKey(key);
    if (refused !== null) {
      sink.failed(id, refused);
    } else if (consistency === 'eventual') {
      // The caller may reuse its bytes, and the read may have to wait for a disk.
      this.#options.tables.get(key.slice(), consistency, sink, id);
    } else {
      this.#options.queue.add(key, deadlineMs, sink, id);
      this.#options.wake();
    }
  }

  /** A linearizable read whose read point is reached. The partition may have changed since it was taken. */
  serve(key: Uint8Array, sink: AnswerSink, id: number): void {
    const refused = this.#options.gate.refuseRead() ?? this.#refuseRange(key);
    if (refused === null) this.#options.tables.get(key, 'linearizable', sink, id);
    else sink.failed(id, refused);
  }

  /** @throws DougError */
  async scan(options: ScanOptions, epochVersion: number): Promise<DbIterator> {
    const { consistency, deadlineMs } = options;
    const refused = this.#refuseNow(consistency, deadlineMs, epochVersion);
    if (refused !== null) throw refused;
    if (consistency === 'linearizable') await this.#readPoint(deadlineMs);
    return this.#open(options);
  }

  #readPoint(deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.queue.addWaiter({ deadlineMs, ready: resolve, failed: reject });
      this.#options.wake();
    });
  }

  #open(options: ScanOptions): DbIterator {
    const { gate, state, db, tables, refusals } = this.#options;
    const refused = gate.refuseRead();
    if (refused !== null) throw refused;
    const isEmpty = options.end.length > 0 && compareKeys(options.start, options.end) >= 0;
    const range = isEmpty
      ? { start: options.start, end: options.start }
      : clipRange(state.descriptor, options.start, options.end);
    if (range === null) throw refusals.epochMismatch('the range lies outside this partition');
    const { reverse, keysOnly } = options;
    try {
      const bounds = range.end.length > 0 || isEmpty ? range : { start: range.start };
      return tables.guard(db.iterator({ ...bounds, reverse, keysOnly }));
    } catch (error) {
      throw tables.explain(error);
    }
  }

  #refuseKey(key: Uint8Array): DougError | null {
    try {
      checkKeyBytes(key.length);
    } catch (error) {
      return DougError.from(error, 'NOT_APPLIED');
    }
    return this.#refuseRange(key);
  }

  #refuseRange(key: Uint8Array): DougError | null {
    const { state, refusals } = this.#options;
    return isInRange(state.descriptor, key, 0, key.length)
      ? null
      : refusals.epochMismatch('the key is not in the range of this partition');
  }

  #refuseEpoch(epochVersion: number): DougError | null {
    const { state, refusals } = this.#options;
    const current = epochVersionOf(state.descriptor);
    return epochVersion === 0 || epochVersion === current
      ? null
      : refusals.epochMismatch(`the partition is at epoch ${current}`);
  }

  #refuseNow(consistency: Consistency, deadlineMs: number, epochVersion: number): DougError | null {
    const { gate, clock, queue, tables, settings, refusals } = this.#options;
    const refused = gate.refuseRead() ?? this.#refuseEpoch(epochVersion);
    if (refused !== null) return refused;
    if (clock.monotonicMs() >= deadlineMs) {
      return refusals.deadline('the time ran out before the read began');
    }
    const open = tables.inFlight + (consistency === 'linearizable' ? queue.open : 0);
    return open < settings.maxQueuedReads ? null : refusals.busy('too many reads wait');
  }
}
