import { CommandView, type LimitTable, limits, readCommand } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import { broken, ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { chainEffect, EffectKind } from './effect-hash.js';
import { isInRange } from './key-range.js';
import { epochVersionOf, type ReplicaState } from './replica-state.js';
import { SessionVerdict } from './session-table.js';

/** What became of a command at its place in the log. The same on every replica. */
export const ApplyOutcome = {
  /** It took effect now. */
  Applied: 0,
  /** It took effect before, under the same op id. */
  Duplicate: 1,
  /** Its key is not, or no longer, in the range of this partition. */
  OutOfRange: 2,
  /** Its session has no row and is too old for a new one. */
  UnknownSession: 3,
  /** Its client had declared it finished. */
  Forgotten: 4,
  /** Its session, or the session table, is full. */
  Busy: 5,
} as const;
export type ApplyOutcome = (typeof ApplyOutcome)[keyof typeof ApplyOutcome];

/** Rows of idle sessions are removed at multiples of this index: the same point on every replica. */
export const EXPIRY_INTERVAL_ENTRIES = 1024;

/** The leader has checked the sizes by its limits; whoever applies must not judge by others. */
const NO_SIZE_LIMITS: LimitTable = Object.freeze({
  ...limits,
  keyBytes: Number.MAX_SAFE_INTEGER,
  valueBytes: Number.MAX_SAFE_INTEGER,
});

/**
 * Applies the commands of committed entries, one after the other, to state and database. It depends
 * on nothing but the log: no clock, no randomness, no role.
 *
 * A put and a delete are blind: each is a change of user data whatever was there before, so a delete
 * of an absent key also takes a revision and writes a tombstone. Looking first would make the revision
 * of a command depend on a read, which may have to wait for a disk or find damage on one replica.
 */
export class StateMachine {
  readonly state: ReplicaState;
  /** After Applied and Duplicate: the revision at which the command took effect. */
  revision = 0;
  /** After Applied and Duplicate: false if there was more of a result than the revision, now gone. */
  resultKept = true;
  /** True from beginEntry() to endEntry(): the state is between two entries otherwise. */
  isInsideEntry = false;
  readonly #db: Db;
  readonly #view = new CommandView();

  constructor(state: ReplicaState, db: Db) {
    this.state = state;
    this.#db = db;
  }

  /** Before the first command of an entry. @throws ReplicaError if the entry cannot stand here */
  beginEntry(logTime: number, epochVersion: number): void {
    const { state } = this;
    // INVARIANT(log-time-monotonic): sessions and TTLs are judged by it, on all replicas alike.
    if (logTime <= state.logTime) {
      broken('log-time-monotonic', `entry of log time ${logTime} after ${state.logTime}`);
    }
    if (epochVersion > epochVersionOf(state.descriptor)) {
      broken('epoch-monotonic', `entry of epoch ${epochVersion} from the future`);
    }
    state.logTime = logTime;
    this.isInsideEntry = true;
  }

  /**
   * Applies the command data[start, end).
   * @throws ReplicaError REPLICA_ENTRY_FORMAT if it cannot be read: the leader had checked it, so this
   * version does not know it, and must stop
   */
  apply(data: Uint8Array, start: number, end: number): ApplyOutcome {
    const view = this.#view;
    this.#read(data, start, end);
    const { state } = this;
    // INVARIANT(range-at-apply): the leader checked the key, but a split may have come between.
    if (!isInRange(state.descriptor, data, view.keyStart, view.keyEnd)) {
      return ApplyOutcome.OutOfRange;
    }
    if (view.sessionStart === -1) {
      this.#takeEffect(data);
      return ApplyOutcome.Applied;
    }
    const { sessions } = state;
    switch (sessions.begin(data, view, state.logTime)) {
      case SessionVerdict.Apply:
        this.#takeEffect(data);
        sessions.record(this.revision, null);
        return ApplyOutcome.Applied;
      case SessionVerdict.Duplicate:
        this.revision = sessions.revision;
        this.resultKept = sessions.resultKept;
        return ApplyOutcome.Duplicate;
      case SessionVerdict.UnknownSession:
        return ApplyOutcome.UnknownSession;
      case SessionVerdict.Forgotten:
        return ApplyOutcome.Forgotten;
      case SessionVerdict.Busy:
        return ApplyOutcome.Busy;
    }
  }

  /** After the last command of an entry, and for one without commands. Answers how many sessions ended. */
  endEntry(index: number, term: number): number {
    const { state } = this;
    // INVARIANT(apply-in-order): each index once, none left out.
    if (index !== state.appliedIndex + 1) {
      broken('apply-in-order', `entry ${index} after ${state.appliedIndex}`);
    }
    this.isInsideEntry = false;
    state.appliedIndex = index;
    state.appliedTerm = term;
    return index % EXPIRY_INTERVAL_ENTRIES === 0 ? state.sessions.expire(state.logTime) : 0;
  }

  #read(data: Uint8Array, start: number, end: number): void {
    try {
      readCommand(data, start, end, this.#view, NO_SIZE_LIMITS);
    } catch (cause) {
      throw new ReplicaError(
        ReplicaErrorCode.EntryFormat,
        `command that this version does not understand at entry ${this.state.appliedIndex + 1}`,
        { cause },
      );
    }
  }

  #takeEffect(data: Uint8Array): void {
    const { state } = this;
    const { kind, keyStart, keyEnd, valueStart, valueEnd } = this.#view;
    const revision = state.revision + 1;
    const key = data.subarray(keyStart, keyEnd);
    if (kind === 'put') this.#db.put(revision, key, data.subarray(valueStart, valueEnd));
    else this.#db.delete(revision, key);
    const effect = kind === 'put' ? EffectKind.Put : EffectKind.Delete;
    state.hash = chainEffect(
      state.hash,
      effect,
      revision,
      data,
      keyStart,
      keyEnd,
      valueStart,
      valueEnd,
    );
    state.revision = revision;
    this.revision = revision;
    this.resultKept = true;
  }
}
