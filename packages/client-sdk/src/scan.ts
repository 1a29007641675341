import { RangeScan, type ScanChunk, type ScanPlan } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { Codec, Key } from './codec.js';
import type { Abortable } from './engine/abort-watch.js';
import type { Engine } from './engine/engine.js';
import { entryOf } from './entries.js';
import { checkOptions, checkTimeout } from './options.js';
import { byteRange, type KeyRange } from './ranges.js';
import { type RevisionOptions, readLevelOf } from './read-options.js';
import type { Entry, KeyEntry } from './result-reader.js';

/** What to scan. `prefix`, or any of `start` and `end`; nothing: everything. */
export interface ScanOptions extends KeyRange, RevisionOptions {
  /** Most entries to yield. Default: all. */
  readonly limit?: number | undefined;
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined;
  /** Values are not fetched. */
  readonly keysOnly?: boolean | undefined;
  /** Goes on behind what a scan told before its {@link Scan.token}; instead of a range. */
  readonly from?: string | undefined;
}

/** What to count. */
export type CountOptions = Omit<ScanOptions, 'reverse' | 'keysOnly' | 'from'>;

/** The entries of a range while they are iterated. */
export interface Scan<E> extends AsyncIterableIterator<E> {
  /**
   * What is left behind the entry that was told last, for `from` of a later scan; undefined: nothing is, or it has
   * not begun.
   */
  readonly token: string | undefined;
}

/** A scan with everything decided. @throws DougError INVALID_ARGUMENT */
export function planScan(engine: Engine, options: ScanOptions, countOnly = false): ScanPlan {
  checkOptions(options);
  const { settings } = engine;
  const { limit = Number.POSITIVE_INFINITY, timeoutMs, from } = options;
  if (!(limit >= 0) || (Number.isFinite(limit) && !Number.isSafeInteger(limit))) {
    throw invalid(`limit must be an integer of at least 0, not ${limit}`);
  }
  const { prefix, start, end } = options;
  if (from !== undefined && (prefix ?? start ?? end) !== undefined) {
    throw invalid('a scan goes on from a token or takes a range, not both');
  }
  return {
    ...byteRange(options),
    limit,
    reverse: options.reverse ?? false,
    keysOnly: options.keysOnly ?? false,
    countOnly,
    level: readLevelOf(options, settings.consistency),
    token: from === undefined ? noToken : tokenBytes(from),
    timeoutMs: checkTimeout(timeoutMs ?? settings.timeoutMs),
  };
}

/**
 * Iterates over the entries of a plan.
 * @param plan - called with the first step: what it throws rejects that
 */
export class EntryScan<V, K extends Key> implements Scan<Entry<V, K> | KeyEntry<K>> {
  readonly #steps: AsyncGenerator<Entry<V, K> | KeyEntry<K>>;
  #scan: RangeScan | null = null;
  /** The key that was told last; null: none, or there is nothing behind it. */
  #last: Uint8Array | null = null;

  constructor(
    engine: Engine,
    codec: Codec<V, K>,
    plan: () => ScanPlan,
    signal: AbortSignal | undefined,
  ) {
    this.#steps = this.#run(engine, codec, plan, signal);
  }

  /** {@inheritDoc Scan.token} */
  get token(): string | undefined {
    const bytes = this.#last === null ? noToken : (this.#scan?.token(this.#last) ?? noToken);
    return bytes.length === 0 ? undefined : Buffer.from(bytes).toString('base64url');
  }

  next(): Promise<IteratorResult<Entry<V, K> | KeyEntry<K>>> {
    return this.#steps.next();
  }

  return(): Promise<IteratorResult<Entry<V, K> | KeyEntry<K>>> {
    return this.#steps.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(
    engine: Engine,
    codec: Codec<V, K>,
    plan: () => ScanPlan,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Entry<V, K> | KeyEntry<K>> {
    const planned = plan();
    const shape = planned.keysOnly ? 'key only' : 'with value';
    const keep = (scan: RangeScan): void => {
      this.#scan = scan;
    };
    let left = planned.limit;
    for await (const { kvs } of scanChunks(engine, planned, signal, keep)) {
      for (const kv of kvs) {
        const entry = entryOf(codec, kv, shape);
        this.#last = kv.key;
        left--;
        yield entry;
      }
    }
    // Not the limit ended it, but the range.
    if (left > 0) this.#last = null;
  }
}

/** The number of entries of a plan. @throws DougError */
export async function countEntries(
  engine: Engine,
  plan: ScanPlan,
  signal: AbortSignal | undefined,
): Promise<number> {
  let sum = 0;
  for await (const { count } of scanChunks(engine, plan, signal)) sum += count;
  return sum;
}

/** The entries of a range, in the chunks of {@link RangeScan}. Ends with the signal and with the client. */
export async function* scanChunks(
  engine: Engine,
  plan: ScanPlan,
  signal: AbortSignal | undefined,
  begun: (scan: RangeScan) => void = () => undefined,
): AsyncGenerator<ScanChunk> {
  const stop = new StopSource(engine, signal);
  const { transport, router, clock, random } = engine;
  const ports = { transport, router, clock, random, backoff: engine.settings.backoff };
  let scan: RangeScan | null = null;
  try {
    scan = new RangeScan(ports, plan, stop.signal);
    begun(scan);
    for (;;) {
      const chunk = await scan.next();
      if (chunk === null) return;
      yield chunk;
    }
  } catch (error) {
    if (!engine.isClosed) throw error;
    throw new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' });
  } finally {
    scan?.close();
    stop.release();
  }
}

/** A signal that fires with another one, and when the client is closed. */
export class StopSource implements Abortable {
  readonly #engine: Engine;
  readonly #from: AbortSignal | undefined;
  readonly #stop = new AbortController();

  constructor(engine: Engine, from: AbortSignal | undefined) {
    this.#engine = engine;
    this.#from = from;
    if (from?.aborted || engine.isClosed) {
      this.aborted();
      return;
    }
    engine.dependents.add(this);
    if (from !== undefined) engine.signals.add(from, this);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** {@inheritDoc Abortable.aborted} */
  aborted(): void {
    // It may be released never: whoever was to do it may not be asked for anything any more.
    this.release();
    this.#stop.abort(this.#from?.reason);
  }

  release(): void {
    this.#engine.dependents.delete(this);
    if (this.#from !== undefined) this.#engine.signals.remove(this.#from, this);
  }
}

const noToken = new Uint8Array(0);

function tokenBytes(token: string): Uint8Array {
  if (typeof token === 'string' && token !== '' && /^[A-Za-z0-9_-]+$/.test(token)) {
    return new Uint8Array(Buffer.from(token, 'base64url'));
  }
  throw invalid('from is not the token of a scan');
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}
