import {
  type CommandBody,
  CommandView,
  type LimitTable,
  type LookedWrite,
  limits,
  readCommand,
} from '@dougdb/rpc-proto';
import type { Db, Found } from '@dougdb/sstable';
import {
  decodeKeptResult,
  encodeKeptResult,
  type KeptResult,
  keptResultBytes,
} from '../format/kept-result-format.js';
import { putStored, userValueOf } from '../format/stored-value.js';
import { isPromise } from '../maybe-promise.js';
import { MAX_COMMAND_KEYS } from '../plan/command-bounds.js';
import { checkPlace, Place } from '../plan/place.js';
import type { Effect, Plan } from '../plan/plan.js';
import { planOf } from '../plan/planner.js';
import { broken, ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { expiryOf } from '../ttl/expiry-of.js';
import { ExpiryQueue } from '../ttl/expiry-queue.js';
import type { ChangeSink } from '../watch/change-sink.js';
import { ApplyOutcome } from './apply-outcome.js';
import { chainFloor, chainPair } from './effect-hash.js';
import { compareKeys, isCommandInRange } from './key-range.js';
import { Look } from './look.js';
import { LOOK_TRIES, lookUp } from './look-up.js';
import { epochVersionOf, type ReplicaState } from './replica-state.js';
import { SessionVerdict } from './session-table.js';

/** Rows of idle sessions are removed at multiples of this index: the same point on every replica. */
export const EXPIRY_INTERVAL_ENTRIES = 1024;

/** The leader has checked the sizes by its limits; whoever applies must not judge by others. */
const NO_SIZE_LIMITS: LimitTable = Object.freeze({
  ...limits,
  keyBytes: Number.MAX_SAFE_INTEGER,
  valueBytes: Number.MAX_SAFE_INTEGER,
  commandKeys: Number.MAX_SAFE_INTEGER,
  txnOps: Number.MAX_SAFE_INTEGER,
});

/** What a state machine needs of the world around it. */
export interface MachineHost {
  /** A look that had to wait is over: resume() may be called. */
  looked(): void;
  /** Resolves when others of this process have run: for work that is not to hold them up. */
  pause(): Promise<void>;
}

/**
 * Applies the commands of committed entries, one after the other, to state and database. It depends
 * on nothing but the log: no clock, no randomness, no role.
 *
 * A plain put or delete is blind: a change of user data whatever was there before, so a delete of an
 * absent key also takes a revision and writes a tombstone. Only a command that asks for it looks at its
 * key first, at its place in the log: behind every command before it, those of the same entry included.
 * It may have to wait for a disk: then apply() answers null, and nothing else is applied until resume().
 *
 * A command of several keys is planned first: the plan looks wherever it must and changes nothing. Then all
 * that it does is done at once, without a look and without a wait, at one revision.
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
  readonly #host: MachineHost;
  readonly #expiries: ExpiryQueue;
  #changes: ChangeSink | null = null;
  /** Of the command in the view, a single put or delete, which waits for it. */
  #look: Look<Found | null> | null = null;
  /** Of the command in the view, of several keys, which waits for it. */
  #planning: Look<Plan> | null = null;

  /** @param expiries - is told of each key that has a time, and of each that has none any more */
  constructor(
    state: ReplicaState,
    db: Db,
    host: MachineHost,
    expiries: ExpiryQueue = new ExpiryQueue(),
  ) {
    this.state = state;
    this.#db = db;
    this.#host = host;
    this.#expiries = expiries;
  }

  /** Who is told from now on what changes. */
  tell(changes: ChangeSink): void {
    this.#changes = changes;
  }

  /** True while the command that apply() was called with waits for a disk. */
  get isLooking(): boolean {
    const under = this.#look ?? this.#planning;
    return under !== null && !under.isOver;
  }

  /** Resolves when no look is under way at the disk. */
  lookEnded(): Promise<void> {
    return (this.#look ?? this.#planning)?.ended ?? Promise.resolve();
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
    // INVARIANT(range-at-apply): the leader checked the keys, but a split may have come between.
    if (!isCommandInRange(state.descriptor, data, view)) {
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
    const planning = this.#planning;
    this.#look = null;
    this.#planning = null;
    if (look !== null) return this.#decide(data, look.take());
    if (planning !== null) return this.#carryOutPlan(planning.take());
    throw new Error('resume() without a look');
  }

  /** After the last command of an entry, and for one without commands. Answers how many sessions ended. */
  endEntry(index: number, term: number): number {
    const { state } = this;
    // INVARIANT(apply-in-order): each index once, none left out.
    if (index !== state.appliedIndex + 1) {
      broken('apply-in-order', `entry ${index} after ${state.appliedIndex}`);
    }
    this.isInsideEntry = false;
    // Its bytes are views of the entry.
    this.#view.body = null;
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
    const { body } = this.#view;
    if (body !== null) return this.#planFirst(body);
    if (this.#view.looks) return this.#lookFirst(data);
    this.#takeEffect(data);
    if (this.#view.sessionStart !== -1) this.state.sessions.record(this.revision, null);
    return ApplyOutcome.Applied;
  }

  #lookFirst(data: Uint8Array): ApplyOutcome | null {
    const { keyStart, keyEnd, returnPrevious } = this.#view;
    const { revision } = this.state;
    checkPlace(this.#db, revision);
    const key = data.subarray(keyStart, keyEnd);
    const options = { sequence: revision, keysOnly: !returnPrevious };
    const found = lookUp(this.#db, key, options, LOOK_TRIES);
    if (!isPromise(found)) return this.#decide(data, found);
    this.#look = new Look(found, () => this.#host.looked());
    return null;
  }

  #planFirst(body: CommandBody): ApplyOutcome | null {
    const { revision, logTime } = this.state;
    const place = new Place(this.#db, revision, logTime, () => this.#host.pause());
    const plan = planOf(body, place);
    if (!isPromise(plan)) return this.#carryOutPlan(plan);
    this.#planning = new Look(plan, () => this.#host.looked());
    return null;
  }

  #carryOutPlan(plan: Plan): ApplyOutcome {
    const { state } = this;
    const { effects, compareFailed, result, refusal, historyFloor = 0 } = plan;
    const hasOpId = this.#view.sessionStart !== -1;
    if (refusal !== null) {
      if (hasOpId) state.sessions.dismiss();
      return refusal;
    }
    this.#takeEffects(effects);
    if (historyFloor > state.historyFloor) {
      state.historyFloor = historyFloor;
      state.hash = chainFloor(state.hash, historyFloor);
    }
    this.looked = { ...FOUND_NOTHING, revision: this.revision, compareFailed, result };
    if (hasOpId) this.#remember(compareFailed, { operation: result ?? NO_BYTES });
    return ApplyOutcome.Applied;
  }

  #decide(data: Uint8Array, found: Found | null): ApplyOutcome {
    const { state } = this;
    const { kind, returnPrevious, sessionStart } = this.#view;
    const previousRevision = found?.sequence ?? 0;
    const compareFailed = !this.#isMet(previousRevision);
    if (compareFailed || (kind === 'delete' && found === null)) this.revision = state.revision;
    else this.#takeEffect(data);
    const previousValue = returnPrevious && found !== null ? userValueOf(found) : null;
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

  #remember(compareFailed: boolean, result: KeptResult): void {
    const { sessions } = this.state;
    // A large one is not even copied.
    const isKept = sessions.keepsResult(keptResultBytes(result));
    const bytes = isKept ? encodeKeptResult(result) : null;
    sessions.record(this.revision, { compareFailed, bytes });
  }

  /** What a duplicate answers. */
  #recall(): void {
    const { revision, hasResult, compareFailed, result } = this.state.sessions;
    this.revision = revision;
    if (!hasResult) return;
    if (result === null) {
      this.looked = { ...FOUND_NOTHING, revision, compareFailed, resultNotKept: true };
      return;
    }
    const kept = decodeKeptResult(result);
    this.looked =
      'operation' in kept
        ? { ...FOUND_NOTHING, revision, compareFailed, result: kept.operation }
        : { ...kept, revision, compareFailed };
  }

  /** All that a command of several keys does has the same revision; where it does nothing it takes none. */
  #takeEffects(effects: readonly Effect[]): void {
    const { state } = this;
    if (effects.length > 0) {
      checkEffects(effects);
      // INVARIANT(txn-atomic): what it does rests on what it found: nothing came between.
      if (this.#db.lastSequence > state.revision) {
        broken('txn-atomic', `a plan for revision ${state.revision} is late`);
      }
      const revision = state.revision + 1;
      for (const effect of effects) this.#takeOne(effect, revision);
      state.revision = revision;
    }
    this.revision = state.revision;
  }

  #takeOne({ key, value, expiresAt }: Effect, revision: number): void {
    this.#write(revision, key, value, expiresAt);
  }

  #takeEffect(data: Uint8Array): void {
    const { state } = this;
    const { kind, keyStart, keyEnd, valueStart, valueEnd, ttlMs } = this.#view;
    const revision = state.revision + 1;
    const key = data.subarray(keyStart, keyEnd);
    const value = kind === 'put' ? data.subarray(valueStart, valueEnd) : null;
    this.#write(revision, key, value, expiryOf(state.logTime, ttlMs));
    state.revision = revision;
    this.revision = revision;
  }

  /** @param expiresAt - log time at which the key goes; 0: never */
  #write(revision: number, key: Uint8Array, value: Uint8Array | null, expiresAt: number): void {
    const { state } = this;
    if (value === null) this.#db.delete(revision, key);
    else putStored(this.#db, revision, key, value, expiresAt);
    state.hash = chainPair(state.hash, revision, key, value, expiresAt);
    const changes = this.#changes;
    if (changes?.isOn) {
      if (value === null) changes.delete(revision, key);
      else changes.put(revision, key, value, expiresAt);
    }
    if (expiresAt === 0) {
      this.#expiries.forget(key);
    } else {
      if (state.firstTtlRevision === 0) state.firstTtlRevision = revision;
      this.#expiries.add(key, revision, expiresAt);
    }
  }
}

/** @throws ReplicaError before anything is done */
function checkEffects(effects: readonly Effect[]): void {
  if (effects.length > MAX_COMMAND_KEYS) {
    broken('commands-bounded', `a command that writes ${effects.length} keys`);
  }
  for (let i = 1; i < effects.length; i++) {
    // INVARIANT(txn-one-revision): folded first, for at one revision the database takes a key once (S5).
    if (compareKeys((effects[i - 1] as Effect).key, (effects[i] as Effect).key) >= 0) {
      broken('txn-one-revision', 'a command that writes a key twice, or out of order');
    }
  }
}

const NO_BYTES = new Uint8Array(0);
const FOUND_NOTHING = { previousRevision: 0, previousValue: null } as const;
