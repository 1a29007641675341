import { backoffMs, compareKeys, isBelowEnd, type ScanPlan } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { DougClient } from '../client.js';
import { decodeKey, encodeKey, type Key } from '../codec.js';
import type { Engine } from '../engine/engine.js';
import { entryOf } from '../entries.js';
import { openPause } from '../open-pause.js';
import type { CallOptions } from '../options.js';
import { byteRange, type KeyRange } from '../ranges.js';
import type { Entry } from '../result-reader.js';
import { planScan, scanChunks } from '../scan.js';
import type { Compare, DeleteStep, PutStep } from '../txn/steps.js';

/** What a call of `transact` takes. `timeoutMs` is for the whole of it, with all attempts. */
export interface TransactOptions extends CallOptions {
  /** Most attempts. Default 100. */
  readonly attempts?: number | undefined;
}

/** What the function of a `transact` reads and writes with. Only while the function runs. */
export interface Transaction<V = string, K extends Key = string> {
  /**
   * The value of a key; null: there is none. What was put in the same transaction is seen, with revision 0.
   * @throws DougError
   */
  get(key: Key): Promise<Entry<V, K> | null>;
  /**
   * The entries of a range in key order, with what was put and without what was deleted in the same transaction.
   * @throws DougError
   */
  scan(range: KeyRange & { readonly limit?: number | undefined }): Promise<Entry<V, K>[]>;
  /** Sets a key, if the transaction is carried out. */
  put(key: Key, value: V, options?: Pick<PutStep, 'ttlMs'>): void;
  /** Removes a key, if the transaction is carried out. */
  delete(key: Key): void;
}

/** What `transact` answers. */
export interface TransactResult<T> {
  /** What the function returned in the attempt that was carried out. */
  readonly value: T;
  /** At which it took effect. Of one that wrote nothing: at which everything that it read held. 0: it did nothing. */
  readonly revision: number;
}

const defaultAttempts = 100;

/**
 * Runs a function until what it has read holds at the moment when what it writes takes effect.
 *
 * Why that is serializable. Everything that the function read becomes a compare, and the transaction that writes
 * carries all of them, so it is carried out only at a moment at which every read would answer what it answered:
 *
 * - A key that was read has revision r, or 0 where it was not there. Revisions are never used again, so a key with
 *   the same revision was not written in between (nor deleted and written again).
 * - A chunk of a scan covers a part of the range and is of one moment m. Each entry that was found is compared as
 *   a key: none of them was changed or deleted. What remains are keys that were not found. Let R be the highest
 *   revision of the entries that were found (0: none were); R <= m. The compare "every key of this part that is there has
 *   a revision below R + 1" leaves no room for others: a key that is there now with a revision of at most R was last
 *   written by moment m and not since, so it was there at m, and would have been found.
 *
 * Chunks are of different moments, and so each has its own R: one R for all would let a key pass that was put into
 * an early part before a later one was read.
 */
export class Transact<V, K extends Key, T> {
  readonly #engine: Engine;
  readonly #db: DougClient<V, K>;
  readonly #run: (tx: Transaction<V, K>) => Promise<T> | T;
  readonly #options: TransactOptions;
  readonly #untilMs: number;

  constructor(
    engine: Engine,
    db: DougClient<V, K>,
    run: (tx: Transaction<V, K>) => Promise<T> | T,
    options: TransactOptions,
    timeoutMs: number,
  ) {
    this.#engine = engine;
    this.#db = db;
    this.#run = run;
    this.#options = options;
    this.#untilMs = engine.clock.monotonicMs() + timeoutMs;
  }

  /** Call it once. @throws DougError; what the function throws */
  async result(): Promise<TransactResult<T>> {
    const { attempts = defaultAttempts, signal } = this.#options;
    const { clock, random, settings } = this.#engine;
    for (let attempt = 1; ; attempt++) {
      const result = await this.#attempt();
      if (result !== null) return result;
      const pauseMs = backoffMs(attempt, random, settings.backoff);
      const isOver = clock.monotonicMs() + pauseMs >= this.#untilMs;
      if (attempt >= attempts || isOver) throw this.#conflict(attempt);
      await openPause(this.#engine, pauseMs, signal);
      if (signal?.aborted) throw abortedBetween(signal);
    }
  }

  /** @returns null: somebody else has changed what was read */
  async #attempt(): Promise<TransactResult<T> | null> {
    const tx = new OpenTransaction(this.#engine, this.#db, this.#callOptions());
    let value: T;
    try {
      value = await this.#run(tx.face());
    } catch (error) {
      tx.end();
      // What it read may never have been there together, and the error may come of that.
      if (tx.hasReads && !(await this.#holds(tx))) return null;
      throw error;
    }
    tx.end();
    const { compares, steps } = tx.parts();
    if (compares.length + steps.length === 0) return { value, revision: 0 };
    const { succeeded, revision } = await this.#db.txn(
      { if: compares, then: steps },
      this.#callOptions(),
    );
    return succeeded ? { value, revision } : null;
  }

  async #holds(tx: OpenTransaction<V, K>): Promise<boolean> {
    const { compares } = tx.parts();
    return (await this.#db.txn({ if: compares }, this.#callOptions())).succeeded;
  }

  #callOptions(): CallOptions {
    const leftMs = this.#untilMs - this.#engine.clock.monotonicMs();
    return { signal: this.#options.signal, timeoutMs: Math.max(1, leftMs) };
  }

  #conflict(attempts: number): DougError {
    return new DougError(
      'DEADLINE',
      `others changed what the transaction had read, in each of ${attempts} attempts`,
      { outcome: 'NOT_APPLIED' },
    );
  }
}

interface Write<V> {
  readonly name: Key;
  readonly key: Uint8Array;
  /** Null: it is deleted. */
  readonly put: { readonly value: V; readonly ttlMs: number | undefined } | null;
}

/** One attempt: what was read and what is to be written. */
class OpenTransaction<V, K extends Key> {
  readonly #engine: Engine;
  readonly #db: DougClient<V, K>;
  readonly #options: CallOptions;
  readonly #compares: Compare<V>[] = [];
  readonly #reads = new Map<string, Entry<V, K> | null>();
  readonly #writes = new Map<string, Write<V>>();
  #isOver = false;

  constructor(engine: Engine, db: DougClient<V, K>, options: CallOptions) {
    this.#engine = engine;
    this.#db = db;
    this.#options = options;
  }

  get hasReads(): boolean {
    return this.#compares.length > 0;
  }

  /** The function has returned: it may read and write nothing more. */
  end(): void {
    this.#isOver = true;
  }

  parts(): {
    readonly compares: readonly Compare<V>[];
    readonly steps: readonly (PutStep<V> | DeleteStep)[];
  } {
    const steps = [...this.#writes.values()].map(({ name, put }) =>
      put === null ? { delete: name } : { put: name, value: put.value, ttlMs: put.ttlMs },
    );
    return { compares: this.#compares, steps };
  }

  face(): Transaction<V, K> {
    return {
      get: (key) => this.#get(key),
      scan: (range) => this.#scan(range),
      put: (key, value, { ttlMs } = {}) => this.#write(key, { value, ttlMs }),
      delete: (key) => this.#write(key, null),
    };
  }

  async #get(name: Key): Promise<Entry<V, K> | null> {
    this.#checkOpen();
    const key = encodeKey(name);
    const id = idOf(key);
    const written = this.#writes.get(id);
    if (written !== undefined) return this.#entryOf(written);
    const known = this.#reads.get(id);
    if (known !== undefined) return known;
    const hit = await this.#db.get(name, { ...this.#options, consistency: 'linearizable' });
    this.#checkOpen();
    // Two reads of one key at the same time may differ; then the two compares do, and it is tried again.
    this.#reads.set(id, hit);
    this.#compares.push({ key: name, revision: hit?.revision ?? 0 });
    return hit;
  }

  async #scan(range: KeyRange & { readonly limit?: number | undefined }): Promise<Entry<V, K>[]> {
    this.#checkOpen();
    const { prefix, start, end, limit = Number.POSITIVE_INFINITY, ...rest } = range;
    const [unknown] = Object.keys(rest);
    // Anything else that a scan takes would leave a part of what was read without its compare.
    if (unknown !== undefined) throw invalid(`the scan of a transaction takes no '${unknown}'`);
    // As it is now: what the function writes while it waits is none of this scan's.
    const own = this.#writesIn({ prefix, start, end });
    const ownKeys = new Set(own.map(({ key }) => idOf(key)));
    // So many of what is found may be hidden by what was deleted here.
    const hidden = own.filter(({ put }) => put === null).length;
    const plan = planScan(this.#engine, {
      prefix,
      start,
      end,
      ...this.#options,
      limit: limit + hidden,
      consistency: 'linearizable',
    });
    const found = await this.#read(plan);
    this.#checkOpen();
    const others = found.filter(({ key }) => !ownKeys.has(idOf(encodeKey(key))));
    const all = [...others, ...own.flatMap((write) => this.#entryOf(write) ?? [])];
    all.sort((a, b) => compareKeys(encodeKey(a.key), encodeKey(b.key)));
    return Number.isFinite(limit) ? all.slice(0, limit) : all;
  }

  /** Reads a range, and notes what must hold of it: see {@link Transact}. */
  async #read(plan: ScanPlan): Promise<Entry<V, K>[]> {
    const entries: Entry<V, K>[] = [];
    // Who wants nothing learns nothing.
    if (plan.limit === 0) return entries;
    let told = plan.start;
    for await (const chunk of scanChunks(this.#engine, plan, this.#options.signal)) {
      // Chunks without entries are not told. (Before the first key of all there is nothing, and its bound is empty.)
      if (chunk.start.length > 0) this.#nothingElse(told, new Uint8Array(chunk.start), 0);
      let highest = 0;
      for (const kv of chunk.kvs) {
        entries.push(entryOf(this.#db.codec, kv, 'with value') as Entry<V, K>);
        this.#compares.push({ key: new Uint8Array(kv.key), revision: kv.revision });
        highest = Math.max(highest, kv.revision);
      }
      const last = chunk.kvs.at(-1)?.key;
      const isCut = entries.length >= plan.limit && last !== undefined;
      // The last entry is compared itself; a bound behind it might be longer than a key may be.
      told = new Uint8Array(isCut ? last : chunk.end);
      this.#nothingElse(new Uint8Array(chunk.start), told, highest);
      if (isCut || told.length === 0) return entries;
    }
    this.#nothingElse(told, plan.end, 0);
    return entries;
  }

  #nothingElse(start: Uint8Array, end: Uint8Array, highest: number): void {
    if (end.length > 0 && compareKeys(start, end) >= 0) return;
    const compare = { revision: highest + 1, is: 'less' as const };
    if (end.length > 0) {
      this.#compares.push({ start, end, ...compare });
      return;
    }
    // A compare of a range has an end: the last key of all is compared by itself.
    const lastKey = new Uint8Array(this.#engine.router.limits.keyBytes).fill(0xff);
    this.#compares.push({ start, end: lastKey, ...compare }, { key: lastKey, ...compare });
  }

  #write(name: Key, put: Write<V>['put']): void {
    this.#checkOpen();
    const key = encodeKey(name);
    this.#writes.set(idOf(key), { name, key, put });
  }

  #writesIn(range: KeyRange): Write<V>[] {
    const { start, end } = byteRange(range);
    return [...this.#writes.values()].filter(
      ({ key }) => compareKeys(start, key) <= 0 && isBelowEnd(key, end),
    );
  }

  #entryOf({ key, put }: Write<V>): Entry<V, K> | null {
    if (put === null) return null;
    return { key: decodeKey(this.#db.codec, key), value: put.value, revision: 0 };
  }

  #checkOpen(): void {
    if (!this.#isOver) return;
    throw invalid('the function of this transaction has returned');
  }
}

function idOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}

function abortedBetween(signal: AbortSignal): DougError {
  return new DougError('ABORTED', 'aborted by the signal', {
    outcome: 'NOT_APPLIED',
    cause: signal.reason,
  });
}
