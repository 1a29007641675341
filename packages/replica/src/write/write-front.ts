import type { Clock } from '@dougdb/ports';
import { CommandView, DougError, limits, readCommand } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import type { AnswerSink, ReplicaSettings } from '../contract.js';
import type { AppendQueue } from '../raft/append-queue.js';
import type { Leadership } from '../raft/leadership.js';
import type { Refusals } from '../refusals.js';
import type { ServiceGate } from '../service-gate.js';
import { isCommandInRange, isInRange } from '../state/key-range.js';
import { epochVersionOf, type ReplicaState } from '../state/replica-state.js';
import { nowhere } from './nowhere.js';
import type { WriteQueue } from './write-queue.js';

export interface WriteFrontOptions {
  readonly gate: ServiceGate;
  readonly leadership: Leadership;
  readonly appends: AppendQueue;
  readonly state: ReplicaState;
  readonly db: Db;
  readonly queue: WriteQueue;
  readonly clock: Clock;
  readonly settings: ReplicaSettings;
  readonly refusals: Refusals;
}

/**
 * Every check that a command meets before it is proposed; what is refused here changes nothing and
 * never takes effect (S23). The cheap questions come first, so that refusing costs little when there
 * is too much to do.
 */
export class WriteFront {
  readonly #options: WriteFrontOptions;
  readonly #view = new CommandView();

  constructor(options: WriteFrontOptions) {
    this.#options = options;
  }

  /** A command of a client. True if it was taken; else sink has its answer. */
  take(
    bytes: Uint8Array,
    start: number,
    end: number,
    epochVersion: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): boolean {
    const refused =
      this.#refuseAny() ??
      this.#refuseCommand(bytes, start, end, epochVersion) ??
      this.#refuseKind() ??
      this.#refuseNow(bytes, end - start, deadlineMs);
    if (refused === null) this.#options.queue.add(bytes, start, end, deadlineMs, sink, id);
    else sink.failed(id, refused);
    this.#view.body = null;
    return refused === null;
  }

  /**
   * A command that this replica makes itself, as leader (an expiry, a compaction), under the checks that all
   * commands meet. True if it was taken, and a turn of the replica must come; else sink has its answer.
   */
  takeInternal(
    command: Uint8Array,
    deadlineMs = Number.POSITIVE_INFINITY,
    sink: AnswerSink = nowhere,
    id = 0,
  ): boolean {
    const refused =
      this.#refuseAny() ??
      this.#refuseCommand(command, 0, command.length, 0) ??
      this.#refuseNow(command, command.length, deadlineMs);
    if (refused === null) this.#options.queue.add(command, 0, command.length, deadlineMs, sink, id);
    else sink.failed(id, refused);
    this.#view.body = null;
    return refused === null;
  }

  /** Whatever the command is. */
  #refuseAny(): DougError | null {
    const { gate, leadership, appends, refusals } = this.#options;
    const refused = gate.refuseWrite();
    if (refused !== null) return refused;
    if (!leadership.isLeader) return refusals.notLeader('this replica does not lead');
    return appends.isOutOfSpace ? refusals.noSpace() : null;
  }

  /** For what the command is. Leaves it in the view. */
  #refuseCommand(
    bytes: Uint8Array,
    start: number,
    end: number,
    epochVersion: number,
  ): DougError | null {
    const { state, refusals } = this.#options;
    const { descriptor } = state;
    const view = this.#view;
    try {
      readCommand(bytes, start, end, view);
    } catch (error) {
      return DougError.from(error, 'NOT_APPLIED');
    }
    if (epochVersion !== 0 && epochVersion !== epochVersionOf(descriptor)) {
      return refusals.epochMismatch(`the partition is at epoch ${epochVersionOf(descriptor)}`);
    }
    if (isCommandInRange(descriptor, bytes, view)) return null;
    // By its first key it was sent here. If that one is right, no partition has all of them.
    return view.body !== null && isInRange(descriptor, bytes, view.keyStart, view.keyEnd)
      ? refusals.crossPartition('the keys of the command lie in several partitions')
      : refusals.epochMismatch('the key is not in the range of this partition');
  }

  /** What no client may ask for. */
  #refuseKind(): DougError | null {
    switch (this.#view.kind) {
      case 'put':
      case 'delete':
      case 'txn':
      case 'delete-range':
        return null;
      case 'expire':
      case 'compact':
        return this.#options.refusals.notForClients();
    }
  }

  /** For the state of things. */
  #refuseNow(bytes: Uint8Array, commandBytes: number, deadlineMs: number): DougError | null {
    const { clock, queue, db, state, settings, refusals } = this.#options;
    const view = this.#view;
    if (clock.monotonicMs() >= deadlineMs) {
      return refusals.deadline('the time ran out before the write was proposed');
    }
    if (queue.pendingBytes + commandBytes > settings.maxQueuedBytes) {
      return refusals.busy('too many bytes of writes wait for their commit');
    }
    if (queue.pendingEntries >= limits.uncommittedEntries) {
      return refusals.busy('too many entries wait for their commit');
    }
    if (db.stalled) return refusals.busy('flushes and compactions are behind');
    if (view.sessionStart >= 0 && state.sessions.isOverWindow(bytes, view)) {
      return refusals.busy('too many open ops in the session');
    }
    return null;
  }
}
