import {
  CommandView,
  type LimitTable,
  type LookedWrite,
  limits,
  readCommand,
} from '@dougdb/rpc-proto';
import {
  type Db,
  type Found,
  type LookOptions,
  type MaybePromise,
  SstErrorCode,
} from '@dougdb/sstable';
import { codeOf } from '../error-code.js';
import {
  decodeLookResult,
  encodeLookResult,
  type LookResult,
  lookResultBytes,
} from '../format/look-result-format.js';
import { isPromise } from '../maybe-promise.js';
import { broken, ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { chainEffect, EffectKind } from './effect-hash.js';
import { isInRange } from './key-range.js';
import { Look } from './look.js';
import { epochVersionOf, type ReplicaState } from './replica-state.js';
import { SessionVerdict } from './session-table.js';

/** What became of a command at its place in the log. The same on every replica. */
export const ApplyOutcome = {
  /** It took effect now, or found now that its condition is not met or that there is nothing to delete. */
  Applied: 0,
  /** That happened before, under the same op id. */
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

/** A read that failed says nothing of the table: so often it is tried before the replica gives up (S13). */
const LOOK_TRIES = 3;

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
 * A plain put or delete is blind: a change of user data whatever was there before, so a delete of an
 * absent key also takes a revision and writes a tombstone. Only a command that asks for it looks at its
 * key first, at its place in the log: behind every command before it, those of the same entry included.
 * It may have to wait for a disk: then apply() answers null, and nothing else is applied until resume().
 *
 * What a look finds must be the same on every replica and in every replay, and it is: the database holds
 * the effects of the commands before, no more and no less. That is so after a restart, too. Tables and
 * state record come from one manifest edit, a memtable is frozen at the end of an entry only, and the log
 * is replayed from there; so a command that is replayed finds the revisions below its own and none above,
 * although those above were in memory when it was applied the first time. Whether what it finds lies in a
 * memtable or in a table, and whether compaction has left a tombstone or nothing, makes no difference.
 */
export class StateMachine {
  readonly state: ReplicaState;
  /** After Applied and Duplicate: the revision at which the command took effect. */
  revision = 0;
  /** After Applied and Duplicate of a command that looked: its answer. null: the revision is all. */
  looked: LookedWrite | null = null;
  /** True from beginEntry() to endEntry(): the state is between two entries otherwise. */
  isInsideEntry = false;
  readonly #db: Db;
  readonly #view = new CommandView();
  readonly #onLooked: () => void;
  /** Of the command in the view, which waits for it. */
  #look: Look | null = null;

  /** @param onLooked - a look that had to wait is over: resume() may be called */
  constructor(state: ReplicaState, db: Db, onLooked: () => void) {
    this.state = state;
    this.#db = db;
    this.#onLooked = onLooked;
  }

  /** True while the command that apply() was called with waits for a disk. */
  get isLooking(): boolean {
    return this.#look !== null && !this.#look.isOver;
  }

  /** Resolves when no look is under way at the disk. */
  lookEnded(): Promise<void> {
    return this.#look?.ended ?? Promise.resolve();
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
   * Applies the command data[start, end). null: it has to look at a table that is not in memory; call
   * resume() when that is over, and nothing else before.
   * @throws ReplicaError REPLICA_ENTRY_FORMAT if it cannot be read: the leader had checked it, so this
   * version does not know it, and must stop. SstError if the look finds damage: nothing of the command
   * has taken effect, and nothing may be applied after it
   */
  apply(data: Uint8Array, start: number, end: number): ApplyOutcome | null {
    const view = this.#view;
    this.looked = null;
    this.#read(data, start, end);
    const { state } = this;
    // INVARIANT(range-at-apply): the leader checked the key, but a split may have come between.
    if (!isInRange(state.descriptor, data, view.keyStart, view.keyEnd)) {
      return ApplyOutcome.OutOfRange;
    }
    if (view.sessionStart === -1) return this.#carryOut(data);
    switch (state.sessions.begin(data, view, state.logTime)) {
      case SessionVerdict.Apply:
        return this.#carryOut(data);
      case SessionVerdict.Duplicate:
        this.#recall();
        return ApplyOutcome.Duplicate;
      case SessionVerdict.UnknownSession:
        return ApplyOutcome.UnknownSession;
      case SessionVerdict.Forgotten:
        return ApplyOutcome.Forgotten;
      case SessionVerdict.Busy:
        return ApplyOutcome.Busy;
    }
  }

  /** Goes on with the command of the last apply(), in the same data. @throws SstError as apply() */
  resume(data: Uint8Array): ApplyOutcome {
    const look = this.#look;
    if (look === null) throw new Error('resume() without a look');
    const found = look.take();
    this.#look = null;
    return this.#decide(data, found);
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

  /** What the session lets pass. */
  #carryOut(data: Uint8Array): ApplyOutcome | null {
    if (this.#view.looks) return this.#lookFirst(data);
    this.#takeEffect(data);
    if (this.#view.sessionStart !== -1) this.state.sessions.record(this.revision, null);
    return ApplyOutcome.Applied;
  }

  #lookFirst(data: Uint8Array): ApplyOutcome | null {
    const { keyStart, keyEnd, returnPrevious } = this.#view;
    const { revision } = this.state;
    // INVARIANT(look-at-place): a look sees what the commands before it left and nothing of those after
    // it. To read at this revision would not be enough: a database that holds later ones may have
    // dropped what was there before them.
    if (this.#db.lastSequence > revision) {
      broken(
        'look-at-place',
        `a look at revision ${revision} in tables of ${this.#db.lastSequence}`,
      );
    }
    const key = data.subarray(keyStart, keyEnd);
    const options = { sequence: revision, keysOnly: !returnPrevious };
    const found = this.#lookUp(key, options, LOOK_TRIES);
    if (!isPromise(found)) return this.#decide(data, found);
    this.#look = new Look(found, this.#onLooked);
    return null;
  }

  #lookUp(key: Uint8Array, options: LookOptions, tries: number): MaybePromise<Found | null> {
    const found = this.#db.look(key, options);
    if (!isPromise(found) || tries === 1) return found;
    return found.catch((error: unknown) => {
      if (codeOf(error) !== SstErrorCode.Io) throw error;
      return this.#lookUp(key, options, tries - 1);
    });
  }

  #decide(data: Uint8Array, found: Found | null): ApplyOutcome {
    const { state } = this;
    const { kind, returnPrevious, sessionStart } = this.#view;
    const previousRevision = found?.sequence ?? 0;
    const compareFailed = !this.#isMet(previousRevision);
    if (compareFailed || (kind === 'delete' && found === null)) this.revision = state.revision;
    else this.#takeEffect(data);
    const previousValue = returnPrevious && found !== null ? found.value : null;
    this.looked = { revision: this.revision, compareFailed, previousRevision, previousValue };
    if (sessionStart !== -1) this.#remember(compareFailed, { previousRevision, previousValue });
    return ApplyOutcome.Applied;
  }

  /** Whether the condition is, with a key that was last written at this revision; 0: that is not there. */
  #isMet(previousRevision: number): boolean {
    const { ifAbsent, ifRevision } = this.#view;
    if (ifAbsent) return previousRevision === 0;
    return ifRevision === 0 || ifRevision === previousRevision;
  }

  #remember(compareFailed: boolean, result: LookResult): void {
    const { sessions } = this.state;
    // A large value is not even copied.
    const isKept = sessions.keepsResult(lookResultBytes(result));
    const bytes = isKept ? encodeLookResult(result) : null;
    sessions.record(this.revision, { compareFailed, bytes });
  }

  /** What a duplicate answers. */
  #recall(): void {
    const { revision, hasResult, compareFailed, result } = this.state.sessions;
    this.revision = revision;
    if (!hasResult) return;
    this.looked =
      result === null
        ? { ...NOTHING_KEPT, revision, compareFailed }
        : { ...decodeLookResult(result), revision, compareFailed };
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
  }
}

const NOTHING_KEPT = { previousRevision: 0, previousValue: null, resultNotKept: true } as const;
