import type { RouterPorts } from '@dougdb/facade';
import {
  DeleteRangeOperation,
  DougError,
  LINEARIZABLE,
  limits,
  TxnOperation,
} from '@dougdb/rpc-proto';
import { AdminClient } from './admin.js';
import {
  type Codec,
  encodeKey,
  encodeValue,
  type Key,
  type NamedCodecs,
  resolveCodec,
} from './codec.js';
import {
  type DeleteChunk,
  type DeleteRangeOptions,
  type DeleteRangeResult,
  deleteByChunks,
} from './delete-range.js';
import { type Body, spansOf } from './engine/body.js';
import { Engine, type EngineCounters } from './engine/engine.js';
import { Operation, type ResultReader } from './engine/operation.js';
import type { PendingBounds } from './engine/pending-limit.js';
import { awaitRoom } from './engine/room-wait.js';
import {
  type CallOptions,
  type ConnectOptions,
  checkOptions,
  checkTimeout,
  resolveSettings,
} from './options.js';
import { byteRange } from './ranges.js';
import { type ReadOptions, type RevisionOptions, readLevelOf } from './read-options.js';
import { counterCodec, type IncrementResult, increment } from './recipes/increment.js';
import { Lock, type LockOptions } from './recipes/lock.js';
import {
  Transact,
  type Transaction,
  type TransactOptions,
  type TransactResult,
} from './recipes/transact.js';
import { CodecReader, type Entry, type GetResult, type KeyEntry } from './result-reader.js';
import {
  type CountOptions,
  countEntries,
  EntryScan,
  planScan,
  type Scan,
  type ScanOptions,
} from './scan.js';
import { checkTtlMs, encodeTransaction } from './txn/encode.js';
import type { Txn, TxnOutcome, TxnStep } from './txn/steps.js';
import { EventWatch } from './watch/event-watch.js';
import type { Watch, WatchEvent, WatchOptions, WatchProgress } from './watch/watch-events.js';
import {
  type DeleteOptions,
  type DeleteResult,
  lookOf,
  type PutOptions,
  type PutResult,
} from './writes.js';

/**
 * A client of one cluster. Safe for any number of calls at the same time: what is called in one turn
 * of the loop travels together.
 *
 * Writes take effect at most once, however often they had to be sent. Calls on one key that were not
 * awaited take effect in the order of the calls; calls on different keys in any. What fails, fails with
 * a DougError: `outcome` says whether a write may have taken effect all the same.
 */
export class DougClient<V = string, K extends Key = string> implements AsyncDisposable {
  /** For operators. */
  readonly admin: AdminClient;
  readonly #engine: Engine;
  readonly #codec: Codec<V, K>;
  readonly #reader: ResultReader;

  private constructor(engine: Engine, codec: Codec<V, K>, admin: AdminClient) {
    this.#engine = engine;
    this.#codec = codec;
    this.#reader = new CodecReader(codec);
    this.admin = admin;
  }

  /**
   * Finds the cluster behind the endpoints and answers when it knows where keys live.
   * @throws DougError INVALID_ARGUMENT; DEADLINE when no endpoint has answered within timeoutMs; ABORTED
   */
  static async open<V = string, K extends Key = string>(
    ports: RouterPorts,
    options: ConnectOptions<V, K>,
  ): Promise<DougClient<V, K>> {
    const engine = new Engine(ports, resolveSettings(options));
    try {
      const codec = resolveCodec<V, K>(options.codec ?? 'utf8');
      await engine.router.finder.connect(engine.settings.timeoutMs, options.signal);
      return new DougClient<V, K>(engine, codec, new AdminClient(engine));
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /** @internal */
  get codec(): Codec<V, K> {
    return this.#codec;
  }

  /** Counts since the client was made, for all its views. */
  get counters(): EngineCounters {
    return this.#engine.counters;
  }

  /** What is called and not settled now, over all its views. */
  get pending(): PendingBounds {
    return this.#engine.limit.pending;
  }

  /**
   * Resolves at once while there is room for any one call, and else when half of `pendingLimit` is free:
   * what to await in a loop that calls without awaiting. It reserves nothing: of several loops one may
   * still be refused with BUSY, and calls again.
   * @throws DougError DEADLINE, ABORTED, CLOSED
   */
  ready(options: CallOptions = noOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      checkOptions(options);
      awaitRoom(this.#engine, this.#timeoutOf(options), options.signal).then(resolve, reject);
    });
  }

  /**
   * Sets the value of a key. With `ifRevision` or `ifAbsent` only if the condition holds at the moment when
   * it takes effect; with any option beside `signal` and `timeoutMs` the partition reads the key first.
   * @throws DougError; outcome UNKNOWN: it may have taken effect, or may still. CompareFailedError
   */
  put<P extends boolean = false>(
    key: Key,
    value: V,
    options?: PutOptions<P>,
  ): Promise<PutResult<V, P>> {
    return this.#call('put', key, value, options);
  }

  /**
   * Removes a key, whether or not it is there. With `ifRevision` only if it was last written at that
   * revision. A delete that looks (any option beside `signal` and `timeoutMs`) and finds nothing changes
   * nothing and makes no revision.
   * @throws DougError; outcome UNKNOWN: it may have taken effect, or may still. CompareFailedError
   */
  delete<P extends boolean = false, E extends boolean = false>(
    key: Key,
    options?: DeleteOptions<P, E>,
  ): Promise<DeleteResult<V, P, E>> {
    return this.#call('delete', key, undefined, options);
  }

  /** The value of a key; null: there is none (or was none at `revision`). @throws DougError */
  get(key: Key, options?: RevisionOptions): Promise<GetResult<V, K> | null> {
    return this.#call('get', key, undefined, options);
  }

  /**
   * The values of many keys, in the order of the keys; null where there is none. Each is read as by get;
   * together they are no snapshot. If one cannot be read the call fails.
   * @throws DougError
   */
  getMany(
    keys: Iterable<Key>,
    options: ReadOptions = noOptions,
  ): Promise<(GetResult<V, K> | null)[]> {
    return new Promise((resolve, reject) => {
      checkOptions(options);
      if ('revision' in options) {
        throw new DougError(
          'INVALID_ARGUMENT',
          'many keys may lie in many partitions: no revision',
        );
      }
      const names = listOf(keys);
      const results = new Array<GetResult<V, K> | null>(names.length).fill(null);
      let open = names.length;
      const fail = (error: unknown): void => {
        reject(error);
        // Also those that are not sent yet: nobody waits for them.
        for (const op of ops) this.#engine.cancel(op);
      };
      const ops = names.map((key, at) => {
        const take = (result: unknown): void => {
          results[at] = result as GetResult<V, K> | null;
          if (--open === 0) resolve(results);
        };
        return this.#operation('get', key, undefined, options, take, fail);
      });
      this.#engine.submitAll(ops, options.signal ?? null, this.#timeoutOf(options));
      if (open === 0) resolve(results);
    });
  }

  /**
   * The entries of a range in key order, fetched in chunks while they are iterated. What comes from one partition is
   * of one moment; between partitions there is no common one. `timeoutMs` is for each chunk.
   */
  scan(options: ScanOptions & { readonly keysOnly: true }): Scan<KeyEntry<K>>;
  scan(options?: ScanOptions): Scan<Entry<V, K>>;
  scan(options: ScanOptions = {}): Scan<Entry<V, K> | KeyEntry<K>> {
    const plan = () => planScan(this.#engine, options);
    return new EntryScan(this.#engine, this.#codec, plan, options?.signal);
  }

  /** The number of entries of a range; the keys stay where they are. `timeoutMs` is for each partition. @throws DougError */
  async count(options: CountOptions = {}): Promise<number> {
    return countEntries(this.#engine, planScan(this.#engine, options, true), options.signal);
  }

  /**
   * Looks, and then carries out one of two lists of steps: at one moment, all or nothing, at one revision. All keys
   * must lie in one partition. A transaction whose compares do not hold is no error: `succeeded` tells.
   * @throws DougError; outcome UNKNOWN: it may have taken effect, or may still. CROSS_PARTITION: nothing was done
   */
  txn<
    const Then extends readonly TxnStep<V>[] = readonly [],
    const Else extends readonly TxnStep<V>[] = readonly [],
  >(
    txn: Txn<V, Then, Else>,
    options: CallOptions = noOptions,
  ): Promise<TxnOutcome<Then, Else, V, K>> {
    return new Promise((resolve, reject) => {
      checkOptions(options);
      const { limits: sizes } = this.#engine.router;
      const body: Body = { kind: 'txn', txn: encodeTransaction(txn, this.#codec, sizes) };
      this.#submitBody(body, options, resolve as (result: unknown) => void, reject);
    });
  }

  /**
   * Removes the keys of a range, in chunks of at most 1,024 within one partition. Each chunk is atomic, the whole is
   * not: who reads meanwhile may see some of the keys gone and others not, and what others write behind a chunk stays.
   * Later calls of this client on keys of the range wait for all of it. `timeoutMs` is for each chunk.
   * @throws DougError: nothing was deleted, or its outcome is UNKNOWN. DeleteRangeError: some of it was
   */
  async deleteRange(options: DeleteRangeOptions): Promise<DeleteRangeResult> {
    checkOptions(options);
    const range = byteRange(options);
    if (range.start.length === 0 && range.end.length === 0 && options.everything !== true) {
      const message = 'a range without bounds is everything: say so by everything: true';
      throw new DougError('INVALID_ARGUMENT', message);
    }
    const deleteChunk: DeleteChunk = (chunk, place) =>
      new Promise((resolve, reject) => {
        const body: Body = { kind: 'delete-range', deleteRange: { ...chunk, limit: 0 } };
        this.#submitBody(body, options, resolve as (result: unknown) => void, reject, place);
      });
    const timeoutMs = this.#timeoutOf(options);
    return deleteByChunks(this.#engine, range, deleteChunk, timeoutMs, options.signal);
  }

  /**
   * Runs a function whose reads and writes take effect as if nobody else had done anything meanwhile: reads are
   * noted, writes wait, and one transaction carries them out if what was read is still so. If not, it is run again.
   * So it may run any number of times, and must do nothing but read and write by `tx`. All keys lie in one
   * partition; reads and writes are at most 128 keys each.
   * @throws DougError DEADLINE: others changed what it read, time and again; outcome UNKNOWN: it may have taken
   * effect, or may still; what the function throws
   */
  async transact<T>(
    run: (tx: Transaction<V, K>) => Promise<T> | T,
    options: TransactOptions = noOptions,
  ): Promise<TransactResult<T>> {
    checkOptions(options);
    return new Transact(this.#engine, this, run, options, this.#timeoutOf(options)).result();
  }

  /**
   * Adds to a counter, exactly once; a key that is not there is 0. Its value is a decimal integer as text, whatever the
   * codec of this client is.
   * @throws DougError; outcome UNKNOWN: it was counted once or not at all. DECODE: the value is no counter
   */
  async increment(key: Key, by = 1, options: CallOptions = noOptions): Promise<IncrementResult> {
    checkOptions(options);
    if (!Number.isSafeInteger(by)) {
      throw new DougError('INVALID_ARGUMENT', `by must be an integer, not ${String(by)}`);
    }
    const counters = this.withCodec(counterCodec);
    return increment(this.#engine, counters, key, by, options, this.#timeoutOf(options));
  }

  /**
   * Takes a lock that goes by itself if its holder dies: a key of this name with a time to live. What it can promise
   * and what not: docs/locks.md.
   * @throws DougError DEADLINE: somebody else held it for all of `waitMs`; outcome UNKNOWN: it may have been taken,
   * and is free when its time is over
   */
  async lock(name: Key, options: LockOptions): Promise<Lock> {
    checkOptions(options);
    return Lock.take(this.#engine, this.withCodec('bytes'), name, options);
  }

  /**
   * Every change of the keys of a range from now on, or behind a token: those of one partition in order, none left
   * out and none twice, whatever happens to nodes, leaders and facades meanwhile. It begins at once and ends with
   * `close`, the signal, the iteration or the client; what is not taken is kept back by the cluster, not in memory.
   * Errors come from `next()` and `ready` as {@link WatchError}, with the token that another watch goes on by.
   */
  watch(
    options: WatchOptions & { readonly progress: true },
  ): Watch<WatchEvent<V, K> | WatchProgress>;
  watch(
    options?: WatchOptions & { readonly progress?: false | undefined },
  ): Watch<WatchEvent<V, K>>;
  watch(options?: WatchOptions): Watch<WatchEvent<V, K> | WatchProgress>;
  watch(options: WatchOptions = {}): Watch<WatchEvent<V, K> | WatchProgress> {
    return new EventWatch(this.#engine, this.#codec, options);
  }

  /** The same client with another codec; closing either closes both. */
  withCodec<N extends keyof NamedCodecs>(
    codec: N,
  ): DougClient<NamedCodecs[N]['value'], NamedCodecs[N]['key']>;
  withCodec<W, L extends Key = string>(codec: Codec<W, L>): DougClient<W, L>;
  withCodec<W, L extends Key>(codec: Codec<W, L> | keyof NamedCodecs): DougClient<W, L> {
    return new DougClient<W, L>(this.#engine, resolveCodec<W, L>(codec), this.admin);
  }

  /**
   * Ends the client. Calls that are not settled are rejected with CLOSED; no timer and no connection is
   * left. Does not wait for anything; a second call does nothing.
   */
  close(): Promise<void> {
    this.#engine.close();
    return Promise.resolve();
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call<T>(
    kind: 'put' | 'delete' | 'get',
    key: Key,
    value: V | undefined,
    options: AnyOptions = noOptions,
  ): Promise<T> {
    // What the executor throws rejects the promise: no call of the client throws.
    return new Promise<T>((resolve, reject) => {
      checkOptions(options);
      const settle = resolve as (result: unknown) => void;
      const op = this.#operation(kind, key, value, options, settle, reject);
      this.#engine.submit(op, this.#timeoutOf(options));
    });
  }

  #operation(
    kind: 'put' | 'delete' | 'get',
    key: Key,
    value: V | undefined,
    options: AnyOptions,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ): Operation {
    const { router, settings } = this.#engine;
    const op = new Operation(
      kind,
      key,
      checkKey(encodeKey(key), router.limits.keyBytes),
      kind === 'put' ? this.#encodeValue(value as V) : null,
      kind === 'get' ? null : lookOf(kind, options),
      kind === 'get' ? readLevelOf(options, settings.consistency) : LINEARIZABLE,
      this.#reader,
      options.signal ?? null,
      resolve,
      reject,
    );
    if (options.ttlMs !== undefined) {
      checkTtlMs(options.ttlMs);
      op.ttlMs = options.ttlMs;
    }
    return op;
  }

  #submitBody(
    body: Body,
    options: CallOptions,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
    place: (op: Operation) => void = () => undefined,
  ): void {
    const spans = spansOf(body);
    const key = spans[0]?.start ?? nothing;
    const op = new Operation(
      body.kind,
      key,
      key,
      null,
      null,
      LINEARIZABLE,
      this.#reader,
      options.signal ?? null,
      resolve,
      reject,
    );
    op.body = body;
    op.spans = spans;
    op.bodyBytes = encodedBytes(body);
    place(op);
    this.#engine.submit(op, this.#timeoutOf(options));
  }

  #timeoutOf({ timeoutMs }: CallOptions): number {
    return timeoutMs === undefined ? this.#engine.settings.timeoutMs : checkTimeout(timeoutMs);
  }

  #encodeValue(value: V): Uint8Array {
    const bytes = encodeValue(this.#codec, value);
    const limit = this.#engine.router.limits.valueBytes;
    if (bytes.length <= limit) return bytes;
    throw new DougError(
      'INVALID_ARGUMENT',
      `a value of ${bytes.length} bytes is over the limit of ${limit}`,
    );
  }
}

/** The options of any call. */
type AnyOptions = RevisionOptions & PutOptions & DeleteOptions;

const noOptions: AnyOptions = Object.freeze({});

const nothing = new Uint8Array(0);

/** Room for what stands around a command in a message, and for what may stand before it there. */
const mostBodyBytes = limits.requestBytes - limits.pipeBatchBytes - limits.envelopeBytes;

/** @throws DougError TOO_LARGE */
function encodedBytes(body: Body): number {
  const { length } =
    body.kind === 'txn'
      ? TxnOperation.encode(body.txn).finish()
      : DeleteRangeOperation.encode(body.deleteRange).finish();
  if (length <= mostBodyBytes) return length;
  throw new DougError(
    'TOO_LARGE',
    `a transaction of ${length} bytes is over the limit of ${mostBodyBytes}: make several`,
  );
}

/** @throws DougError INVALID_ARGUMENT */
function listOf(keys: Iterable<Key>): Key[] {
  // A string is iterable too, and never what was meant.
  const isList = typeof keys === 'object' && keys !== null && Symbol.iterator in keys;
  if (isList) return [...keys];
  throw new DougError('INVALID_ARGUMENT', 'keys must be a list of keys');
}

function checkKey(key: Uint8Array, limit: number): Uint8Array {
  if (key.length > 0 && key.length <= limit) return key;
  throw new DougError(
    'INVALID_ARGUMENT',
    key.length === 0
      ? 'the key is empty'
      : `a key of ${key.length} bytes is over the limit of ${limit}`,
  );
}
