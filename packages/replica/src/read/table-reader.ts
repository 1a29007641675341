import { DougError } from '@dougdb/rpc-proto';
import { type Db, type DbIterator, type Found, SstErrorCode } from '@dougdb/sstable';
import type { AnswerSink, ScanIterator } from '../contract.js';
import { codeOf } from '../error-code.js';
import {
  expiresAtOf,
  type UserVersion,
  userValueOf,
  userVersionOf,
} from '../format/stored-value.js';
import { isPromise } from '../maybe-promise.js';
import type { Refusals } from '../refusals.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import type { ReadTerms } from './read-terms.js';

export interface TableReaderOptions {
  readonly db: Db;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
  /** A table failed a check. */
  readonly onCorrupt: (error: unknown) => void;
}

/**
 * Reads from the database for clients. Damage found on the way takes the replica out of service and
 * is answered CORRUPT: another replica can serve.
 */
export class TableReader {
  readonly #options: TableReaderOptions;
  #inFlight = 0;

  constructor(options: TableReaderOptions) {
    this.#options = options;
  }

  /** Reads that wait for a disk. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Answers a read of one key, which must not change afterwards.
   * @param revision - reads what was there at this one; left out: what is there now
   */
  get(
    key: Uint8Array,
    terms: ReadTerms,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
    revision?: number,
  ): void {
    this.#options.telemetry.reads.add(1, terms.labels);
    try {
      const found = this.#options.db.get(key, revision);
      if (isPromise(found)) this.#answerLater(found, key, terms, deadlineMs, sink, id);
      else this.#answer(found, key, terms, deadlineMs, sink, id);
    } catch (error) {
      sink.failed(id, this.explain(error));
    }
  }

  /** The error that a client gets for one of the database. */
  explain(error: unknown): DougError {
    if (DougError.is(error)) return error;
    if (codeOf(error) !== SstErrorCode.Corrupt) return DougError.from(error, 'NOT_APPLIED');
    this.#options.onCorrupt(error);
    return this.#options.refusals.corrupt();
  }

  /** The iterator, with errors as {@link explain} has them. */
  guard(iterator: DbIterator): ScanIterator {
    return new GuardedIterator(iterator, (error) => this.explain(error));
  }

  #answerLater(
    found: Promise<Found | null>,
    key: Uint8Array,
    terms: ReadTerms,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    this.#inFlight++;
    found.then(
      (value) => {
        this.#inFlight--;
        this.#answer(value, key, terms, deadlineMs, sink, id);
      },
      (error: unknown) => {
        this.#inFlight--;
        sink.failed(id, this.explain(error));
      },
    );
  }

  #answer(
    found: Found | null,
    key: Uint8Array,
    terms: ReadTerms,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const mark = terms.mark();
    if (mark === null) {
      terms.again(key, deadlineMs, sink, id);
      return;
    }
    if (found === null) {
      sink.absent(id, mark);
      return;
    }
    let version: UserVersion;
    try {
      version = userVersionOf(found, 'value');
    } catch (error) {
      // A read that waited for a disk has nobody above it who would hear of this.
      sink.failed(id, this.explain(error));
      return;
    }
    sink.found(id, version.value, version.revision, version.expiresAt, mark);
  }
}

class GuardedIterator implements ScanIterator {
  readonly #inner: DbIterator;
  readonly #explain: (error: unknown) => DougError;

  constructor(inner: DbIterator, explain: (error: unknown) => DougError) {
    this.#inner = inner;
    this.#explain = explain;
  }

  next(): boolean {
    try {
      return this.#inner.next();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  step(most: number): 'at' | 'passing' | 'end' {
    try {
      return this.#inner.step(most);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  seek(target: Uint8Array): boolean {
    try {
      return this.#inner.seek(target);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  key(): Uint8Array {
    return this.#inner.key();
  }

  value(): Uint8Array {
    try {
      return userValueOf({ value: this.#inner.value(), marked: this.#inner.marked() });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  sequence(): number {
    return this.#inner.sequence();
  }

  expiresAt(): number {
    try {
      const value = this.#inner.value();
      // Of keys alone it is not known: no version with a time is so short.
      return value.length === 0 ? 0 : expiresAtOf({ value, marked: this.#inner.marked() });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  close(): void {
    this.#inner.close();
  }
}
