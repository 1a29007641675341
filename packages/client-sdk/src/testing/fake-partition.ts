import { compareKeys, isBelowEnd } from '@dougdb/facade';
import {
  type CodeName,
  type CommandBody,
  type DeleteRangeOperation,
  DeleteRangeResult,
  limits,
  TxnResult,
} from '@dougdb/rpc-proto';
import { FakeHistory } from './fake-history.js';
import { type FakeEffect, planTxn } from './fake-txn.js';

/** A millisecond of log time. */
const LOG_TIME_MS = 4096;
/** Longest distance of a new session's start from the partition's log time (S16). */
const SESSION_AGE_LIMIT = 5 * 60_000 * LOG_TIME_MS;

/** A command as a partition sees it. */
export interface FakeCommand {
  readonly kind: 'put' | 'delete' | 'txn' | 'delete-range';
  /** Of what has several keys: the first. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Of a put; 0: it stays. */
  readonly ttlMs: number;
  /** Of what is more than one put or delete. */
  readonly body: CommandBody | null;
  /** 0: none. */
  readonly ifRevision: number;
  readonly ifAbsent: boolean;
  readonly returnPrevious: boolean;
  readonly returnExisted: boolean;
  readonly session: string;
  readonly startedAt: number;
  readonly seq: number;
  readonly firstIncomplete: number;
}

/** What a partition answers to a command. */
export interface FakeResult {
  /** At which it took effect; where nothing changed, that of the partition. */
  readonly revision: number;
  readonly compareFailed: boolean;
  /** Of a command that looked: the revision of what was there; 0: nothing. */
  readonly previousRevision: number;
  /** Null unless it was asked for and there. */
  readonly previousValue: Uint8Array | null;
  /** Of what is more than one put or delete. */
  readonly result: Uint8Array | null;
  /** Whether the command had been judged before. */
  readonly repeated: boolean;
  /** False: what was there is no longer known. */
  readonly resultKept: boolean;
}

export type FakeOutcome = FakeResult | { readonly refused: CodeName };

/** A change that was made: by a put or delete, or as one of several. */
export interface FakeApplied extends FakeCommand {
  readonly kind: 'put' | 'delete';
  readonly revision: number;
}

/** A key that is there. */
export interface FakeEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
  /** Log time at which it goes; 0: never. */
  readonly expiresAt: number;
}

/** A key as it was from a revision on; without a value it was not there. */
interface Version {
  readonly revision: number;
  readonly value: Uint8Array | null;
  readonly expiresAt: number;
}

interface Chain {
  readonly key: Uint8Array;
  /** By rising revision. */
  readonly versions: Version[];
}

interface SessionRow {
  firstIncomplete: number;
  readonly results: Map<number, FakeResult>;
}

/** One partition of a {@link FakeCluster}: the state machine, with sessions as safety.md S16 has them. */
export class FakePartition {
  readonly id: number;
  readonly start: Uint8Array;
  end: Uint8Array;
  epochVersion = 1;
  /** 0: there is none. */
  leaderNodeId = 1;
  revision = 0;
  /** Whether details are remembered for commands that are sent again (S16); if not, only the verdicts. */
  keepsResults = true;
  /** Everything that took effect, in order. */
  readonly applied: FakeApplied[] = [];
  /** What watches are told from. */
  history = new FakeHistory();
  readonly #chains = new Map<string, Chain>();
  /** No key goes before this log time. */
  #nextExpiry = Number.POSITIVE_INFINITY;
  /** All chains by key; null: to be sorted again. */
  #sorted: readonly Chain[] | null = null;
  #sessions = new Map<string, SessionRow>();

  constructor(id: number, start: Uint8Array, end: Uint8Array) {
    this.id = id;
    this.start = start;
    this.end = end;
  }

  /** The oldest revision that can be read. */
  get historyFloor(): number {
    return this.history.floor;
  }

  /** Log time at which the next key goes; Infinity: none will. */
  get nextExpiry(): number {
    return this.#nextExpiry;
  }

  holds(key: Uint8Array): boolean {
    return compareKeys(this.start, key) <= 0 && isBelowEnd(key, this.end);
  }

  /** Applies a command, or answers what it did when it was applied before. */
  apply(command: FakeCommand, logTime: number): FakeOutcome {
    this.expire(logTime);
    const { session, startedAt, seq, firstIncomplete } = command;
    let row = this.#sessions.get(session);
    if (row === undefined) {
      if (Math.abs(logTime - startedAt) >= SESSION_AGE_LIMIT) return { refused: 'SESSION_EXPIRED' };
      row = { firstIncomplete: 0, results: new Map() };
      this.#sessions.set(session, row);
    }
    if (seq < row.firstIncomplete) return { refused: 'SESSION_EXPIRED' };
    const known = row.results.get(seq);
    if (known !== undefined) return { ...known, repeated: true };
    this.#forget(row, firstIncomplete);
    if (row.results.size >= limits.sessionOpenSeqs) return { refused: 'BUSY' };
    const result = this.#judge(command, logTime);
    if ('refused' in result) return result;
    row.results.set(seq, this.#remembered(result));
    return result;
  }

  /** @param at - as of this revision */
  get(key: Uint8Array, at = Number.POSITIVE_INFINITY): FakeEntry | undefined {
    const chain = this.#chains.get(nameOf(key));
    return chain === undefined ? undefined : entryAt(chain, at);
  }

  /** All entries in [start, end), in key order, as of a revision. */
  entries(start: Uint8Array, end: Uint8Array, at = Number.POSITIVE_INFINITY): FakeEntry[] {
    this.#sorted ??= [...this.#chains.values()].sort((a, b) => compareKeys(a.key, b.key));
    return this.#sorted.flatMap((chain) => {
      const isInside = compareKeys(start, chain.key) <= 0 && isBelowEnd(chain.key, end);
      return (isInside ? entryAt(chain, at) : undefined) ?? [];
    });
  }

  /** Lets history be forgotten up to a revision; 0: up to the newest. */
  compact(revision: number): void {
    const upTo = revision === 0 ? this.revision : Math.min(revision, this.revision);
    this.history.floor = Math.max(this.historyFloor, upTo);
    for (const { versions } of this.#chains.values()) {
      while ((versions[1]?.revision ?? Number.POSITIVE_INFINITY) <= this.historyFloor)
        versions.shift();
    }
  }

  /** Removes the keys whose time is over, as a leader would. */
  expire(logTime: number): void {
    if (logTime < this.#nextExpiry) return;
    const mortal = this.entries(none, none).filter(({ expiresAt }) => expiresAt !== 0);
    const due = mortal.filter(({ expiresAt }) => expiresAt <= logTime);
    const later = mortal.filter(({ expiresAt }) => expiresAt > logTime);
    this.#nextExpiry = Math.min(Number.POSITIVE_INFINITY, ...later.map((one) => one.expiresAt));
    if (due.length === 0) return;
    const revision = ++this.revision;
    for (const { key } of due) this.#set(key, { revision, value: null, expiresAt: 0 });
  }

  /** Parts the range in two; sessions and data go with both halves (S16). */
  split(id: number, at: Uint8Array): FakePartition {
    const child = new FakePartition(id, at, this.end);
    for (const [name, chain] of this.#chains) {
      if (!child.holds(chain.key)) continue;
      child.#chains.set(name, chain);
      this.#chains.delete(name);
    }
    child.#nextExpiry = this.#nextExpiry;
    for (const [session, { firstIncomplete, results }] of this.#sessions) {
      child.#sessions.set(session, { firstIncomplete, results: new Map(results) });
    }
    this.#sorted = null;
    child.history = this.history.split(at);
    child.revision = this.revision;
    child.leaderNodeId = this.leaderNodeId;
    this.end = at;
    this.epochVersion++;
    child.epochVersion = this.epochVersion;
    this.history.tell();
    return child;
  }

  /** What ten minutes without use do to the rows. */
  forgetSessions(): void {
    this.#sessions = new Map();
  }

  #forget(row: SessionRow, firstIncomplete: number): void {
    if (firstIncomplete <= row.firstIncomplete) return;
    row.firstIncomplete = firstIncomplete;
    for (const seq of row.results.keys()) if (seq < firstIncomplete) row.results.delete(seq);
  }

  #judge(command: FakeCommand, logTime: number): FakeOutcome {
    const { body } = command;
    if (body?.kind === 'txn') {
      const plan = planTxn(this, body.txn, {
        revision: this.revision + 1,
        expiresAt: (ttlMs) => expiryOf(logTime, ttlMs),
      });
      if (plan === null) return { refused: 'INVALID_ARGUMENT' };
      this.#write(command, plan.effects, logTime);
      const { succeeded } = plan.result;
      return this.#answer(!succeeded, TxnResult.encode(plan.result).finish());
    }
    if (body?.kind === 'delete-range') return this.#deleteRange(command, body.deleteRange, logTime);
    return this.#judgeOne(command, logTime);
  }

  #deleteRange(
    command: FakeCommand,
    { start, end, limit }: DeleteRangeOperation,
    logTime: number,
  ): FakeResult {
    const all = this.entries(start, end);
    const gone = all.slice(0, limit === 0 ? limits.commandKeys : limit);
    const effects = gone.map(({ key }) => ({ key, value: null, ttlMs: 0 }));
    this.#write(command, effects, logTime);
    const resumeKey = all[gone.length]?.key;
    return this.#answer(
      false,
      DeleteRangeResult.encode({ deleted: gone.length, resumeKey }).finish(),
    );
  }

  #judgeOne(command: FakeCommand, logTime: number): FakeResult {
    const { kind, key, value, ttlMs, ifRevision, ifAbsent, returnPrevious, returnExisted } =
      command;
    const looks = ifRevision > 0 || ifAbsent || returnPrevious || returnExisted;
    const there = looks ? this.get(key) : undefined;
    const previousRevision = there?.revision ?? 0;
    const isMet =
      (ifRevision === 0 || ifRevision === previousRevision) && !(ifAbsent && there !== undefined);
    const changesNothing = looks && kind === 'delete' && there === undefined;
    const effect = { key, value: kind === 'delete' ? null : value, ttlMs };
    if (isMet && !changesNothing) this.#write(command, [effect], logTime);
    return {
      ...this.#answer(!isMet, null),
      previousRevision,
      previousValue: returnPrevious ? (there?.value ?? null) : null,
    };
  }

  #answer(compareFailed: boolean, result: Uint8Array | null): FakeResult {
    return {
      revision: this.revision,
      compareFailed,
      previousRevision: 0,
      previousValue: null,
      result,
      repeated: false,
      resultKept: true,
    };
  }

  #remembered(result: FakeResult): FakeResult {
    const resultBytes = (result.previousValue?.length ?? 0) + (result.result?.length ?? 0);
    if (this.keepsResults && resultBytes <= limits.sessionResultBytes) return result;
    return { ...result, previousRevision: 0, previousValue: null, result: null, resultKept: false };
  }

  /** Makes all changes of a command, at one revision; none: no revision either. */
  #write(command: FakeCommand, effects: readonly FakeEffect[], logTime: number): void {
    if (effects.length === 0) return;
    const revision = ++this.revision;
    for (const { key, value, ttlMs } of effects) {
      const expiresAt = expiryOf(logTime, ttlMs);
      this.#set(key, { revision, value, expiresAt });
      const kind = value === null ? 'delete' : 'put';
      this.applied.push({ ...command, kind, key, value: value ?? none, revision });
    }
  }

  #set(key: Uint8Array, version: Version): void {
    const name = nameOf(key);
    const chain = this.#chains.get(name);
    const { value, ...rest } = version;
    const now = value === null ? null : { key, value, ...rest };
    this.history.add({ key, revision: rest.revision, now, before: this.get(key) ?? null });
    if (version.expiresAt !== 0) this.#nextExpiry = Math.min(this.#nextExpiry, version.expiresAt);
    if (chain !== undefined) {
      chain.versions.push(version);
      return;
    }
    this.#sorted = null;
    this.#chains.set(name, { key, versions: [version] });
  }
}

const none = new Uint8Array(0);

function expiryOf(logTime: number, ttlMs: number): number {
  return ttlMs === 0 ? 0 : logTime + ttlMs * LOG_TIME_MS;
}

function entryAt({ key, versions }: Chain, at: number): FakeEntry | undefined {
  const version = versions.findLast(({ revision }) => revision <= at);
  if (version === undefined || version.value === null) return undefined;
  return { key, value: version.value, revision: version.revision, expiresAt: version.expiresAt };
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
