import type { AppliedEntry } from '@dougdb/replica';
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
  readonly revision: number;
  readonly hash: number;
  readonly sessions: number;
  readonly by: string;
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
  /** Terms that have begun. */
  terms = 0;

  constructor(partitionId: number) {
    this.#partitionId = partitionId;
  }

  get lastIndex(): number {
    return GENESIS_INDEX + this.#entries.length;
  }

  /** @throws Violation if it is not what others have applied, or not what follows from the log */
  applied(entry: AppliedEntry, by: string): void {
    const place = `partition ${this.#partitionId}, entry ${entry.index}, applied by ${by}`;
    const known = this.#entries[entry.index - GENESIS_INDEX - 1];
    if (known !== undefined) {
      this.#compare(known, entry, place);
      return;
    }
    if (entry.index !== this.lastIndex + 1) {
      throw new Violation('apply-in-order', `${place} after ${this.lastIndex}`);
    }
    const { term, revision, hash, sessions } = entry;
    this.#checkTerm(term, entry.data.length === 0, place);
    this.#entries.push({ term, data: entry.data.slice(), revision, hash, sessions, by });
    if (this.#partitionId !== META_PARTITION) this.#follow(entry, place);
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
    if (isBeginning) this.terms++;
    if (isBeginning ? term > before : term === before) return;
    throw new Violation('election-safety', `${place}: an entry of term ${term} after ${before}`);
  }

  #compare(known: KnownEntry, entry: AppliedEntry, place: string): void {
    const isSameEntry = known.term === entry.term && equalBytes(known.data, entry.data);
    if (!isSameEntry) throw new Violation('log-matching', `${place}: not what ${known.by} applied`);
    const isSameState =
      known.revision === entry.revision &&
      known.hash === entry.hash &&
      known.sessions === entry.sessions;
    if (isSameState) return;
    const states = [known, entry].map((of) => `${of.revision}/${of.hash}/${of.sessions}`);
    throw new Violation('state-machine-safety', `${place}: ${states.join(' and ')} by ${known.by}`);
  }

  #follow(entry: AppliedEntry, place: string): void {
    const before = this.model.revision;
    const ops = this.model.apply(entry.index, readEntry(entry.data));
    const { revision, sessions } = this.model;
    if (revision !== entry.revision || sessions !== entry.sessions) {
      const is = `revision ${entry.revision} with ${entry.sessions} sessions`;
      throw new Violation('as-the-log-says', `${place}: ${is}, not ${revision} with ${sessions}`);
    }
    for (const { opId, answer, isDuplicate } of ops) {
      if (isDuplicate) this.duplicates++;
      if (answer.outcome !== 'applied') this.refusedOps++;
      if (opId !== null && !isDuplicate) this.#record(opId, answer);
    }
    for (let at = before + 1; at <= revision; at++) this.#noteValues(at);
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
  readonly #partitions = new Map<number, PartitionTruth>();
  readonly #lastChecks: (() => void)[] = [];

  partition(id: number): PartitionTruth {
    let partition = this.#partitions.get(id);
    if (partition === undefined) {
      partition = new PartitionTruth(id);
      this.#partitions.set(id, partition);
    }
    return partition;
  }

  get partitions(): PartitionTruth[] {
    return [...this.#partitions.values()];
  }

  /** Told by a replica, which must not be disturbed: what is wrong is kept. */
  applied(entry: AppliedEntry, by: string): void {
    try {
      this.partition(entry.partitionId).applied(entry, by);
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
