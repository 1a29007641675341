import { compareKeys, isBelowEnd } from '@dougdb/facade';
import { type CodeName, limits } from '@dougdb/rpc-proto';
import { FakeHistory } from './fake-history.js';

/** Longest distance of a new session's start from the partition's log time (S16). */
const SESSION_AGE_LIMIT = 5 * 60_000 * 4096;

/** A command as a partition sees it. */
export interface FakeCommand {
  readonly kind: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
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
  /** Whether the command had been judged before. */
  readonly repeated: boolean;
  /** False: what was there is no longer known. */
  readonly resultKept: boolean;
}

export type FakeOutcome = FakeResult | { readonly refused: CodeName };

/** An entry of the history: a command that took effect. */
export interface FakeApplied extends FakeCommand {
  readonly revision: number;
}

/** A key that is there. */
export interface FakeEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
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
  readonly #values = new Map<string, FakeEntry>();
  /** All values by key; null: to be sorted again. */
  #sorted: readonly FakeEntry[] | null = null;
  #sessions = new Map<string, SessionRow>();

  constructor(id: number, start: Uint8Array, end: Uint8Array) {
    this.id = id;
    this.start = start;
    this.end = end;
  }

  holds(key: Uint8Array): boolean {
    return compareKeys(this.start, key) <= 0 && isBelowEnd(key, this.end);
  }

  /** Applies a command, or answers what it did when it was applied before. */
  apply(command: FakeCommand, logTime: number): FakeOutcome {
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
    const result = this.#judge(command);
    row.results.set(seq, this.#remembered(result));
    return result;
  }

  get(key: Uint8Array): FakeEntry | undefined {
    return this.#values.get(nameOf(key));
  }

  /** All entries in [start, end), in key order. */
  entries(start: Uint8Array, end: Uint8Array): FakeEntry[] {
    this.#sorted ??= [...this.#values.values()].sort((a, b) => compareKeys(a.key, b.key));
    const isInside = ({ key }: FakeEntry): boolean =>
      compareKeys(start, key) <= 0 && isBelowEnd(key, end);
    return this.#sorted.filter(isInside);
  }

  /** Parts the range in two; sessions and data go with both halves (S16). */
  split(id: number, at: Uint8Array): FakePartition {
    const child = new FakePartition(id, at, this.end);
    for (const [name, entry] of this.#values) {
      if (!child.holds(entry.key)) continue;
      child.#values.set(name, entry);
      this.#values.delete(name);
    }
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

  #judge(command: FakeCommand): FakeResult {
    const { ifRevision, ifAbsent, returnPrevious, returnExisted } = command;
    const looks = ifRevision > 0 || ifAbsent || returnPrevious || returnExisted;
    const there = looks ? this.get(command.key) : undefined;
    const previousRevision = there?.revision ?? 0;
    const isMet =
      (ifRevision === 0 || ifRevision === previousRevision) && !(ifAbsent && there !== undefined);
    const changesNothing = looks && command.kind === 'delete' && there === undefined;
    if (isMet && !changesNothing) this.#write(command);
    return {
      revision: this.revision,
      compareFailed: !isMet,
      previousRevision,
      previousValue: returnPrevious ? (there?.value ?? null) : null,
      repeated: false,
      resultKept: true,
    };
  }

  #remembered(result: FakeResult): FakeResult {
    const valueBytes = result.previousValue?.length ?? 0;
    if (this.keepsResults && valueBytes <= limits.sessionResultBytes) return result;
    return { ...result, previousRevision: 0, previousValue: null, resultKept: false };
  }

  #write(command: FakeCommand): void {
    const { kind, key, value } = command;
    const revision = ++this.revision;
    const before = this.get(key) ?? null;
    this.#sorted = null;
    if (kind === 'delete') this.#values.delete(nameOf(key));
    else this.#values.set(nameOf(key), { key, value, revision });
    this.applied.push({ ...command, revision });
    const now = kind === 'delete' ? null : { key, value, revision };
    this.history.add({ key, revision, now, before });
  }
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
