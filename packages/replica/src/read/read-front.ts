import type { Clock } from '@dougdb/ports';
import { Consistency, checkKeyBytes, DougError, type ReadLevel } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import type { AnswerSink, ReadMark, ReplicaSettings, ScanOptions, ScanView } from '../contract.js';
import { refuseRevision } from '../history/refuse-revision.js';
import type { Leadership } from '../raft/leadership.js';
import type { Refusals } from '../refusals.js';
import type { ServiceGate } from '../service-gate.js';
import { clipRange, compareKeys, isInRange } from '../state/key-range.js';
import { epochVersionOf, type ReplicaState } from '../state/replica-state.js';
import type { ReadWaiter } from './read-batch.js';
import { eventualTerms, linearizableTerms, revisionTerms } from './read-terms.js';
import type { Reads } from './reads.js';
import type { TableReader } from './table-reader.js';

export interface ReadFrontOptions {
  readonly gate: ServiceGate;
  readonly state: ReplicaState;
  readonly leadership: Leadership;
  readonly db: Db;
  readonly reads: Reads;
  readonly tables: TableReader;
  readonly clock: Clock;
  readonly settings: ReplicaSettings;
  readonly refusals: Refusals;
  /** Asks for a turn. */
  readonly wake: () => void;
}

/** Takes reads of clients: checks them, and serves them at once or when their level allows it. */
export class ReadFront {
  readonly #options: ReadFrontOptions;

  constructor(options: ReadFrontOptions) {
    this.#options = options;
  }

  get(
    key: Uint8Array,
    level: ReadLevel,
    epochVersion: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const refused = this.#refuseNow(level, deadlineMs, epochVersion) ?? this.#refuseKey(key);
    if (refused === null) this.#take(key, level, deadlineMs, sink, id);
    else sink.failed(id, refused);
  }

  /** A linearizable read whose read point is reached. */
  serve(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    const refused = this.refuse(key);
    if (refused !== null) sink.failed(id, refused);
    else this.#options.tables.get(key, linearizableTerms, deadlineMs, sink, id);
  }

  /** Why a key cannot be read here now: the partition may have changed since the read was taken. */
  refuse(key: Uint8Array): DougError | null {
    return this.#options.gate.refuseRead() ?? this.#refuseRange(key);
  }

  /** @throws DougError */
  async scan(options: ScanOptions, epochVersion: number): Promise<ScanView> {
    const { level, deadlineMs } = options;
    const refused = this.#refuseNow(level, deadlineMs, epochVersion);
    if (refused !== null) throw refused;
    const { reads, state } = this.#options;
    const { argument } = level;
    switch (level.consistency) {
      case Consistency.CONSISTENCY_EVENTUAL:
        return this.#open(options, eventualTerms.mark());
      case Consistency.CONSISTENCY_LEASE:
        return this.#openLater(options, (waiter) => reads.lease.addWaiter(waiter));
      case Consistency.CONSISTENCY_BOUNDED: {
        const mark = reads.bounded.mark(argument);
        reads.bounded.want(argument);
        if (mark !== null) return this.#open(options, mark);
        return this.#openLater(options, (waiter) => reads.bounded.addWaiter(argument, waiter));
      }
      case Consistency.CONSISTENCY_AT_REVISION:
        if (argument <= state.revision) return this.#open(options, revisionTerms.mark());
        return this.#openLater(options, (waiter) => reads.revisions.addWaiter(argument, waiter));
      default:
        return this.#openLater(options, (waiter) => reads.rounds.addWaiter(waiter));
    }
  }

  #take(key: Uint8Array, level: ReadLevel, deadlineMs: number, sink: AnswerSink, id: number): void {
    const { reads, tables, wake } = this.#options;
    switch (level.consistency) {
      case Consistency.CONSISTENCY_EVENTUAL:
        // The caller may reuse its bytes, and the read may have to wait for a disk.
        tables.get(key.slice(), eventualTerms, deadlineMs, sink, id);
        return;
      case Consistency.CONSISTENCY_LEASE:
        reads.lease.add(key, deadlineMs, sink, id);
        wake();
        return;
      case Consistency.CONSISTENCY_BOUNDED:
        this.#takeBounded(key.slice(), level.argument, deadlineMs, sink, id);
        return;
      case Consistency.CONSISTENCY_AT_REVISION:
        this.#takeAt(key.slice(), level.argument, deadlineMs, sink, id);
        return;
      default:
        reads.rounds.add(key, deadlineMs, sink, id);
        wake();
    }
  }

  readonly #takeBounded = (
    key: Uint8Array,
    boundMs: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void => {
    const { tables, reads } = this.#options;
    const { bounded } = reads;
    const terms = bounded.terms(boundMs, this.#takeBounded);
    const read = (): void => {
      const refused = this.refuse(key);
      if (refused === null) tables.get(key, terms, deadlineMs, sink, id);
      else sink.failed(id, refused);
    };
    bounded.want(boundMs);
    if (bounded.mark(boundMs) !== null) read();
    else {
      const failed = (error: DougError): void => sink.failed(id, error);
      bounded.addWaiter(boundMs, { deadlineMs, ready: read, failed });
    }
  };

  #takeAt(
    key: Uint8Array,
    revision: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const { state, tables, reads, refusals } = this.#options;
    const failed = (error: DougError): void => sink.failed(id, error);
    const read = (): void => {
      const refused = this.refuse(key) ?? refuseRevision(state, revision, refusals);
      if (refused === null) tables.get(key, revisionTerms, deadlineMs, sink, id, revision);
      else failed(refused);
    };
    if (revision <= state.revision) read();
    else reads.revisions.addWaiter(revision, { deadlineMs, ready: read, failed });
  }

  /** The view is opened in the very turn in which its level allows it. */
  #openLater(options: ScanOptions, wait: (waiter: ReadWaiter) => void): Promise<ScanView> {
    return new Promise((resolve, reject) => {
      const ready = (mark: ReadMark): void => {
        try {
          resolve(this.#open(options, mark));
        } catch (error) {
          reject(error);
        }
      };
      wait({ deadlineMs: options.deadlineMs, ready, failed: reject });
      this.#options.wake();
    });
  }

  /** @throws DougError */
  #open(options: ScanOptions, mark: ReadMark): ScanView {
    const { gate, state, db, tables, refusals } = this.#options;
    const { level, reverse, keysOnly } = options;
    const isAt = level.consistency === Consistency.CONSISTENCY_AT_REVISION;
    const revision = isAt ? level.argument : state.revision;
    const refused = gate.refuseRead() ?? (isAt ? refuseRevision(state, revision, refusals) : null);
    if (refused !== null) throw refused;
    const isEmpty = options.end.length > 0 && compareKeys(options.start, options.end) >= 0;
    const range = isEmpty
      ? { start: options.start, end: options.start }
      : clipRange(state.descriptor, options.start, options.end);
    if (range === null) throw refusals.epochMismatch('the range lies outside this partition');
    try {
      const bounds = range.end.length > 0 || isEmpty ? range : { start: range.start };
      const view = { ...bounds, reverse, keysOnly, sequence: revision };
      return { iterator: tables.guard(db.iterator(view)), revision, mark };
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

  #refuseNow(level: ReadLevel, deadlineMs: number, epochVersion: number): DougError | null {
    const { gate, clock, reads, tables, settings, refusals } = this.#options;
    const { consistency } = level;
    const refused =
      gate.refuseRead() ?? this.#refuseEpoch(epochVersion) ?? this.#refuseLease(consistency);
    if (refused !== null) return refused;
    if (clock.monotonicMs() >= deadlineMs) {
      return refusals.deadline('the time ran out before the read began');
    }
    const waits = consistency !== Consistency.CONSISTENCY_EVENTUAL;
    const open = tables.inFlight + (waits ? reads.open : 0);
    return open < settings.maxQueuedReads ? null : refusals.busy('too many reads wait');
  }

  #refuseLease(consistency: Consistency): DougError | null {
    if (consistency !== Consistency.CONSISTENCY_LEASE) return null;
    const { settings, leadership, refusals } = this.#options;
    if (settings.leaseTickMs === 0) {
      return refusals.invalid(
        'lease reads are off in this cluster: they are switched on when it is made, with --lease-reads on every member',
      );
    }
    return leadership.isLeader ? null : refusals.notLeader('only the leader has a lease');
  }
}
