import type { RouterPorts, ScanPlan } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import { AdminClient } from './admin.js';
import {
  type Codec,
  decodeKey,
  decodeValue,
  encodeKey,
  encodeValue,
  type Key,
  type NamedCodecs,
  resolveCodec,
} from './codec.js';
import { Engine, type EngineCounters } from './engine/engine.js';
import { Operation, type OperationKind, type ResultReader } from './engine/operation.js';
import type { PendingBounds } from './engine/pending-limit.js';
import { awaitRoom } from './engine/room-wait.js';
import {
  type CallOptions,
  type ConnectOptions,
  checkConsistency,
  checkOptions,
  checkTimeout,
  type ReadOptions,
  resolveSettings,
} from './options.js';
import { CodecReader, type Entry, type GetResult, type KeyEntry } from './result-reader.js';
import { type ScanOptions, scanChunks, scanRange } from './scan.js';
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

  /** The value of a key; null: there is none. @throws DougError */
  get(key: Key, options?: ReadOptions): Promise<GetResult<V, K> | null> {
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
   * The entries of a range in key order, fetched in chunks while they are iterated. A chunk is
   * consistent in itself; the whole is not a snapshot. `timeoutMs` is for each chunk.
   */
  scan(options: ScanOptions & { readonly keysOnly: true }): AsyncIterableIterator<KeyEntry<K>>;
  scan(options?: ScanOptions): AsyncIterableIterator<Entry<V, K>>;
  scan(options: ScanOptions = {}): AsyncIterableIterator<Entry<V, K> | KeyEntry<K>> {
    return this.#scan(options);
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
    kind: OperationKind,
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
    kind: OperationKind,
    key: Key,
    value: V | undefined,
    options: AnyOptions,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ): Operation {
    const { router, settings } = this.#engine;
    const isRead = kind === 'get';
    const consistency = checkConsistency(options.consistency ?? settings.consistency);
    return new Operation(
      kind,
      key,
      checkKey(encodeKey(key), router.limits.keyBytes),
      kind === 'put' ? this.#encodeValue(value as V) : null,
      kind === 'get' ? null : lookOf(kind, options),
      isRead && consistency === 'eventual',
      this.#reader,
      options.signal ?? null,
      resolve,
      reject,
    );
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

  async *#scan(options: ScanOptions): AsyncGenerator<Entry<V, K> | KeyEntry<K>> {
    const plan = this.#planScan(options);
    const codec = this.#codec;
    for await (const chunk of scanChunks(this.#engine, plan, options.signal)) {
      for (const { key, value, revision } of chunk) {
        const name = decodeKey(codec, key);
        yield plan.keysOnly
          ? { key: name, revision }
          : { key: name, value: decodeValue(codec, value), revision };
      }
    }
  }

  #planScan(options: ScanOptions): ScanPlan {
    checkOptions(options);
    const { settings } = this.#engine;
    const { limit = Number.POSITIVE_INFINITY, consistency, timeoutMs } = options;
    if (!(limit >= 0) || (Number.isFinite(limit) && !Number.isSafeInteger(limit))) {
      throw new DougError(
        'INVALID_ARGUMENT',
        `limit must be an integer of at least 0, not ${limit}`,
      );
    }
    return {
      ...scanRange(options),
      limit,
      reverse: options.reverse ?? false,
      keysOnly: options.keysOnly ?? false,
      eventual: checkConsistency(consistency ?? settings.consistency) === 'eventual',
      timeoutMs: checkTimeout(timeoutMs ?? settings.timeoutMs),
    };
  }
}

/** The options of any call. */
type AnyOptions = ReadOptions & PutOptions & DeleteOptions;

const noOptions: AnyOptions = Object.freeze({});

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
