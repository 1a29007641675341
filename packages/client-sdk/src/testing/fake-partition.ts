import { compareKeys, isBelowEnd } from '@dougdb/facade';
import type { CodeName } from '@dougdb/rpc-proto';

/** Longest distance of a new session's start from the partition's log time (S16). */
const SESSION_AGE_LIMIT = 5 * 60_000 * 4096;

/** A command as a partition sees it. */
export interface FakeCommand {
  readonly kind: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly session: string;
  readonly startedAt: number;
  readonly seq: number;
  readonly firstIncomplete: number;
}

export type FakeOutcome =
  | { readonly revision: number; readonly repeated: boolean }
  | { readonly refused: CodeName };

/** An entry of the history: a command that took effect. */
export interface FakeApplied extends FakeCommand {
  readonly revision: number;
}

interface SessionRow {
  firstIncomplete: number;
  readonly revisions: Map<number, number>;
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
  /** Everything that took effect, in order. */
  readonly applied: FakeApplied[] = [];
  readonly #values = new Map<string, { key: Uint8Array; value: Uint8Array; revision: number }>();
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
      row = { firstIncomplete: 0, revisions: new Map() };
      this.#sessions.set(session, row);
    }
    if (seq < row.firstIncomplete) return { refused: 'SESSION_EXPIRED' };
    const known = row.revisions.get(seq);
    if (known !== undefined) return { revision: known, repeated: true };
    this.#forget(row, firstIncomplete);
    if (row.revisions.size >= 1024) return { refused: 'BUSY' };
    this.revision++;
    row.revisions.set(seq, this.revision);
    this.#write(command);
    this.applied.push({ ...command, revision: this.revision });
    return { revision: this.revision, repeated: false };
  }

  get(key: Uint8Array): { value: Uint8Array; revision: number } | undefined {
    return this.#values.get(nameOf(key));
  }

  /** All entries in [start, end), in key order. */
  entries(
    start: Uint8Array,
    end: Uint8Array,
  ): { key: Uint8Array; value: Uint8Array; revision: number }[] {
    return [...this.#values.values()]
      .filter(({ key }) => compareKeys(start, key) <= 0 && isBelowEnd(key, end))
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  /** Parts the range in two; sessions and data go with both halves (S16). */
  split(id: number, at: Uint8Array): FakePartition {
    const child = new FakePartition(id, at, this.end);
    for (const [name, entry] of this.#values) {
      if (!child.holds(entry.key)) continue;
      child.#values.set(name, entry);
      this.#values.delete(name);
    }
    for (const [session, { firstIncomplete, revisions }] of this.#sessions) {
      child.#sessions.set(session, { firstIncomplete, revisions: new Map(revisions) });
    }
    child.revision = this.revision;
    child.leaderNodeId = this.leaderNodeId;
    this.end = at;
    this.epochVersion++;
    child.epochVersion = this.epochVersion;
    return child;
  }

  /** What ten minutes without use do to the rows. */
  forgetSessions(): void {
    this.#sessions = new Map();
  }

  #forget(row: SessionRow, firstIncomplete: number): void {
    if (firstIncomplete <= row.firstIncomplete) return;
    row.firstIncomplete = firstIncomplete;
    for (const seq of row.revisions.keys()) if (seq < firstIncomplete) row.revisions.delete(seq);
  }

  #write({ kind, key, value }: FakeCommand): void {
    if (kind === 'delete') this.#values.delete(nameOf(key));
    else this.#values.set(nameOf(key), { key, value, revision: this.revision });
  }
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
