import type { AppliedState, ApplyObserver, CommittedEntry } from '@dougdb/replica';
import type { OpId } from '@dougdb/rpc-proto';
import { Violation } from '../violation.js';
import { AckedRevisions } from './acked-revisions.js';
import type { Answer } from './answer.js';
import { readEntry } from './entry-reader.js';
import { PartitionModel } from './partition-model.js';
import { textOf } from './text.js';

const META_PARTITION = 1;
/** A replica is made with everything up to here applied. */
const GENESIS_INDEX = 1;

/** An entry as the first replica that applied it had it. */
interface KnownEntry {
  readonly term: number;
  readonly data: Uint8Array;
  readonly by: string;
  /** What the model is after it; null: of the meta group there is none. */
  readonly revision: number | null;
  readonly sessions: number | null;
  /** Null until a replica has applied it whole. */
  state: AppliedState | null;
}

/** One partition: its log as far as anybody has applied it, and what is true by it. */
export class PartitionTruth {
  readonly model = new PartitionModel();
  readonly acked = new AckedRevisions();
  readonly #partitionId: number;
  readonly #entries: KnownEntry[] = [];
  /** What came of ops with an id, the first time. */
  readonly #answers = new Map<string, Answer>();
  /** Revisions at which a value, all of which differ, was written. */
  readonly #writtenAt = new Map<string, number>();
  /** Ops that came to their place more than once. */
  duplicates = 0;
  refusedOps = 0;
  /** Terms that have begun, with the time at which the first entry of each was applied somewhere. */
  readonly terms: { readonly term: number; readonly atMs: number }[] = [];
  readonly #nowMs: () => number;

  constructor(partitionId: number, nowMs: () => number) {
    this.#partitionId = partitionId;
    this.#nowMs = nowMs;
  }

  /** The next term after this one; null: none has begun. */
  termAfter(term: number): { readonly term: number; readonly atMs: number } | null {
    return this.terms.find((each) => each.term > term) ?? null;
  }

  get lastIndex(): number {
    return GENESIS_INDEX + this.#entries.length;
  }

  /** A replica begins to apply an entry. @throws Violation if it is not the one that others have applied */
  begins(entry: CommittedEntry, by: string): void {
    const { index, term, data } = entry;
    const place = `partition ${this.#partitionId}, entry ${index}, applied by ${by}`;
    const known = this.#known(index);
    if (known !== undefined) {
      if (known.term === term && equalBytes(known.data, data)) return;
      throw new Violation('log-matching', `${place}: not what ${known.by} applied`);
    }
    if (index !== this.lastIndex + 1) {
      throw new Violation('apply-in-order', `${place} after ${this.lastIndex}`);
    }
    this.#checkTerm(term, data.length === 0, place);
    const copy = data.slice();
    const isMeta = this.#partitionId === META_PARTITION;
    if (!isMeta) this.#follow(index, copy);
    const { revision, sessions } = this.model;
    const after = isMeta ? { revision: null, sessions: null } : { revision, sessions };
    this.#entries.push({ term, data: copy, by, ...after, state: null });
  }

  /** It was applied whole. @throws Violation if the state is not that of others, or not what follows from the log */
  applied(state: AppliedState, by: string): void {
    const { index, revision, hash, sessions } = state;
    const place = `partition ${this.#partitionId}, entry ${index}, applied by ${by}`;
    const known = this.#known(index);
    if (known === undefined) throw new Violation('apply-in-order', `${place}: never begun`);
    if (known.revision !== null && (known.revision !== revision || known.sessions !== sessions)) {
      const is = `revision ${revision} with ${sessions} sessions`;
      const not = `${known.revision} with ${known.sessions}`;
      throw new Violation('as-the-log-says', `${place}: ${is}, not ${not}`);
    }
    known.state ??= state;
    if (known.state.hash === hash && known.state.revision === revision) return;
    throw new Violation('state-machine-safety', `${place}: hash ${hash}, not ${known.state.hash}`);
  }

  /** What came of an op with an id; undefined: it is not in the log. */
  answerTo(opId: OpId): Answer | undefined {
    return this.#answers.get(opNameOf(opId));
  }

  /** The revision at which a value was written; undefined: it was not. */
  writtenAt(value: string): number | undefined {
    return this.#writtenAt.get(value);
  }

  /** A leader begins its term with an empty entry, and nobody else writes one of that term. */
  #checkTerm(term: number, isBeginning: boolean, place: string): void {
    const before = this.#entries.at(-1)?.term ?? 1;
    if (isBeginning) this.terms.push({ term, atMs: this.#nowMs() });
    if (isBeginning ? term > before : term === before) return;
    throw new Violation('election-safety', `${place}: an entry of term ${term} after ${before}`);
  }

  #known(index: number): KnownEntry | undefined {
    return this.#entries[index - GENESIS_INDEX - 1];
  }

  #follow(index: number, data: Uint8Array): void {
    const before = this.model.revision;
    for (const { opId, answer, isDuplicate } of this.model.apply(index, readEntry(data))) {
      if (isDuplicate) this.duplicates++;
      if (answer.outcome !== 'applied') this.refusedOps++;
      if (opId !== null && !isDuplicate) this.#record(opId, answer);
    }
    for (let at = before + 1; at <= this.model.revision; at++) this.#noteValues(at);
  }

  #record(opId: OpId, answer: Answer): void {
    const name = opNameOf(opId);
    const before = this.#answers.get(name);
    // INVARIANT(applied-once): in all of the log, whatever its session remembers.
    if (before?.outcome === 'applied' && answer.outcome === 'applied') {
      throw new Violation('applied-once', `${name} at entries ${before.index} and ${answer.index}`);
    }
    if (before?.outcome !== 'applied') this.#answers.set(name, answer);
  }

  #noteValues(revision: number): void {
    for (const { value } of this.model.changes[revision] ?? []) {
      if (value !== null) this.#writtenAt.set(value, revision);
    }
  }
}

/** What is true of all partitions, by what their replicas have applied. */
export class Truth {
  readonly violations: Violation[] = [];
  readonly #nowMs: () => number;
  readonly #partitions = new Map<number, PartitionTruth>();
  readonly #lastChecks: (() => void)[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  partition(id: number): PartitionTruth {
    let partition = this.#partitions.get(id);
    if (partition === undefined) {
      partition = new PartitionTruth(id, this.#nowMs);
      this.#partitions.set(id, partition);
    }
    return partition;
  }

  get partitions(): PartitionTruth[] {
    return [...this.#partitions.values()];
  }

  /** Of one member. Its replicas must not be disturbed: what is wrong is kept. */
  observer(by: string): ApplyObserver {
    return {
      begins: (entry) => this.#keep(() => this.partition(entry.partitionId).begins(entry, by)),
      applied: (state) => this.#keep(() => this.partition(state.partitionId).applied(state, by)),
    };
  }

  #keep(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violations.push(
        error instanceof Violation ? error : new Violation('log-readable', String(error)),
      );
    }
  }

  report(property: string, message: string): void {
    this.violations.push(new Violation(property, message));
  }

  /** Looks once more when nothing more can come. */
  atEnd(check: () => void): void {
    this.#lastChecks.push(check);
  }

  /** Nothing more comes. */
  end(): void {
    for (const check of this.#lastChecks) check();
  }
}

const opNameOf = ({ session, startedAt, seq }: OpId): string =>
  `${textOf(session)}@${startedAt}#${seq}`;

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
