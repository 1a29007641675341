import type { ByteReader } from '../format/byte-reader.js';
import type { ByteWriter } from '../format/byte-writer.js';

/**
 * One session of a partition (S16), in a ReplicaState:
 *
 * | size | field |
 * | --- | --- |
 * | 16 | session id |
 * | 8 | startedAt, a log time; with the id it names the session |
 * | 8 | log time of the last use |
 * | 8 | firstIncomplete |
 * | 2 | count of outcomes |
 * | | for each applied seq >= firstIncomplete, ascending: |
 * | 2 | seq - firstIncomplete |
 * | 1 | 1: the revision is all there is to answer; 2: a result follows; 3: there was one, it was not kept; 6 and 7: as 2 and 3, and a condition of the op was not met (of a transaction: its failure list was carried out) |
 * | 8 | revision |
 * | | only for 2 and 6: {length u16, result}, see kept-result-format.ts |
 */
export const ROW_BYTES = 42;
export const OUTCOME_BYTES = 11;
export const RESULT_OVERHEAD_BYTES = 2;

const SESSION_ID_BYTES = 16;
const FIRST_SLOTS = 4;

/** What is remembered of an applied seq. 0: nothing, it was not applied. */
const Outcome = { None: 0, Plain: 1, WithResult: 2, ResultDropped: 3 } as const;
/** Added to WithResult or ResultDropped: a condition was not met. */
const COMPARE_FAILED = 4;

/** What there is to answer of an op beside its revision. */
export interface OpResult {
  /** A condition was not met; of a transaction: its failure list was carried out. Kept for as long as the op is. */
  readonly compareFailed: boolean;
  /** Null: there is no room for it. */
  readonly bytes: Uint8Array | null;
}

/** Rows are found by a hash chain and ordered by last use; both lists are the table's. */
export class SessionRow {
  readonly id: Uint8Array;
  readonly startedAt: number;
  readonly hash: number;
  lastUse: number;
  firstIncomplete: number;
  /** Next row of the same bucket. */
  chain: SessionRow | null = null;
  older: SessionRow | null = null;
  newer: SessionRow | null = null;
  /** A ring by seq, of a power of two that covers firstIncomplete to the highest applied seq. */
  #revisions = new Float64Array(FIRST_SLOTS);
  #outcomes = new Uint8Array(FIRST_SLOTS);
  #results: Map<number, Uint8Array> | null = null;
  #highest = 0;
  #sizeBytes = ROW_BYTES;
  #count = 0;

  constructor(
    id: Uint8Array,
    startedAt: number,
    hash: number,
    lastUse: number,
    firstIncomplete: number,
  ) {
    this.id = id;
    this.startedAt = startedAt;
    this.hash = hash;
    this.lastUse = lastUse;
    this.firstIncomplete = firstIncomplete;
  }

  /** Bytes that encode() writes. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  isNamed(bytes: Uint8Array, at: number, startedAt: number): boolean {
    if (this.startedAt !== startedAt) return false;
    const id = this.id;
    for (let i = 0; i < SESSION_ID_BYTES; i++) if (id[i] !== bytes[at + i]) return false;
    return true;
  }

  /** Whether the seq, not below firstIncomplete, was applied. */
  has(seq: number): boolean {
    return seq <= this.#highest && this.#outcomes[this.#slot(seq)] !== Outcome.None;
  }

  revision(seq: number): number {
    return this.#revisions[this.#slot(seq)]!;
  }

  /** The kept result; null when the revision is all there was, or when it was not kept. */
  result(seq: number): Uint8Array | null {
    return this.#results?.get(seq) ?? null;
  }

  /** Whether there was more to answer than the revision. */
  hasResult(seq: number): boolean {
    return this.#outcomes[this.#slot(seq)] !== Outcome.Plain;
  }

  compareFailed(seq: number): boolean {
    return (this.#outcomes[this.#slot(seq)]! & COMPARE_FAILED) !== 0;
  }

  /** Remembers an applied seq. @param result - null: the revision is all; its bytes become the row's */
  record(seq: number, revision: number, result: OpResult | null): void {
    this.#cover(seq);
    const slot = this.#slot(seq);
    this.#revisions[slot] = revision;
    this.#count++;
    this.#sizeBytes += OUTCOME_BYTES;
    if (result === null) {
      this.#outcomes[slot] = Outcome.Plain;
      return;
    }
    const { compareFailed, bytes } = result;
    const outcome = bytes === null ? Outcome.ResultDropped : Outcome.WithResult;
    this.#outcomes[slot] = compareFailed ? outcome + COMPARE_FAILED : outcome;
    if (bytes === null) return;
    this.#results ??= new Map();
    this.#results.set(seq, bytes);
    this.#sizeBytes += RESULT_OVERHEAD_BYTES + bytes.length;
  }

  /** Every seq below is finished for the client: it is forgotten. */
  advance(firstIncomplete: number): void {
    const end = Math.min(firstIncomplete, this.#highest + 1);
    for (let seq = this.firstIncomplete; seq < end && this.#count > 0; seq++) this.#forget(seq);
    this.firstIncomplete = firstIncomplete;
  }

  encode(writer: ByteWriter): void {
    writer.bytes(this.id);
    writer.u53(this.startedAt);
    writer.u53(this.lastUse);
    writer.u53(this.firstIncomplete);
    writer.u16(this.#count);
    for (let seq = this.firstIncomplete; seq <= this.#highest; seq++) {
      const slot = this.#slot(seq);
      const outcome = this.#outcomes[slot]!;
      if (outcome === Outcome.None) continue;
      writer.u16(seq - this.firstIncomplete);
      writer.u8(outcome);
      writer.u53(this.#revisions[slot]!);
      const result = this.#results?.get(seq);
      if (result === undefined) continue;
      writer.u16(result.length);
      writer.bytes(result);
    }
  }

  /** Fills a fresh row from what encode() wrote after its header. */
  decodeOutcomes(reader: ByteReader, fail: (what: string) => never): void {
    const count = reader.u16();
    for (let i = 0; i < count; i++) {
      const seq = this.firstIncomplete + reader.u16();
      const outcome = reader.u8();
      const revision = reader.u53();
      if (seq <= this.#highest) fail('seqs of a session are not in order');
      if (outcome === Outcome.Plain) {
        this.record(seq, revision, null);
        continue;
      }
      const compareFailed = (outcome & COMPARE_FAILED) !== 0;
      const kind = outcome & ~COMPARE_FAILED;
      if (kind !== Outcome.WithResult && kind !== Outcome.ResultDropped) fail(`outcome ${outcome}`);
      const bytes = kind === Outcome.WithResult ? reader.bytes(reader.u16()) : null;
      this.record(seq, revision, { compareFailed, bytes });
    }
  }

  #forget(seq: number): void {
    const slot = this.#slot(seq);
    if (this.#outcomes[slot] === Outcome.None) return;
    const result = this.#results?.get(seq);
    if (result !== undefined) {
      this.#results?.delete(seq);
      this.#sizeBytes -= RESULT_OVERHEAD_BYTES + result.length;
    }
    this.#outcomes[slot] = Outcome.None;
    this.#count--;
    this.#sizeBytes -= OUTCOME_BYTES;
  }

  #slot(seq: number): number {
    // Seqs are up to 2^53: the bit operation works on the low 32 bits, which is all that a ring needs.
    return seq & (this.#outcomes.length - 1);
  }

  #cover(seq: number): void {
    this.#highest = Math.max(this.#highest, seq);
    const span = this.#highest - this.firstIncomplete + 1;
    if (span <= this.#outcomes.length) return;
    const [revisions, outcomes] = [this.#revisions, this.#outcomes];
    let slots = outcomes.length;
    while (slots < span) slots *= 2;
    this.#revisions = new Float64Array(slots);
    this.#outcomes = new Uint8Array(slots);
    const mask = outcomes.length - 1;
    const end = Math.min(seq, this.firstIncomplete + outcomes.length);
    for (let old = this.firstIncomplete; old < end; old++) {
      this.#outcomes[this.#slot(old)] = outcomes[old & mask]!;
      this.#revisions[this.#slot(old)] = revisions[old & mask]!;
    }
  }
}
