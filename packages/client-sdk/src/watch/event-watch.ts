import { RangeWatch, type WatchBatch, type WatchPlan } from '@dougdb/facade';
import {
  DougError,
  type KeyValue,
  WatchEventType,
  type WatchEvent as WireEvent,
} from '@dougdb/rpc-proto';
import { type Codec, decodeKey, decodeValue, type Key } from '../codec.js';
import type { Engine } from '../engine/engine.js';
import { StopSource } from '../scan.js';
import type { Previous } from '../writes.js';
import { WatchError } from './watch-error.js';
import type { Watch, WatchEvent, WatchOptions, WatchProgress } from './watch-events.js';
import { flag, planWatch, tokenText } from './watch-plan.js';

/** A {@link Watch} with the codec of a client. */
export class EventWatch<V, K extends Key> implements Watch<WatchEvent<V, K> | WatchProgress> {
  readonly ready: Promise<void>;
  readonly #engine: Engine;
  readonly #codec: Codec<V, K>;
  readonly #stop: StopSource;
  readonly #steps: AsyncGenerator<WatchEvent<V, K> | WatchProgress, undefined>;
  /** Null: the options were refused. */
  #range: RangeWatch | null = null;
  #plan: WatchPlan | null = null;
  #tellsProgress = false;
  /** What is being taken; null: all of what came was. */
  #batch: WatchBatch | null = null;
  /** The event of it that comes next. */
  #at = 0;
  #isClosed = false;

  /** Begins at once, and never throws: what is wrong with the options is told by `ready` and `next`. */
  constructor(engine: Engine, codec: Codec<V, K>, options: WatchOptions) {
    this.#engine = engine;
    this.#codec = codec;
    this.#stop = new StopSource(engine, signalOf(options));
    let refusal: DougError | null = null;
    try {
      this.#begin(options);
    } catch (error) {
      refusal = DougError.from(error, 'NOT_APPLIED');
      this.#stop.release();
    }
    this.ready = this.#readiness(refusal);
    // Who does not ask for it need not handle its failure: `next` tells it, too.
    this.ready.catch(() => undefined);
    this.#steps = this.#run(refusal);
  }

  get token(): string | undefined {
    const token = this.#batch?.tokenAt(this.#at - 1) ?? this.#range?.token ?? null;
    return token === null ? undefined : tokenText(token);
  }

  next(): Promise<IteratorResult<WatchEvent<V, K> | WatchProgress, undefined>> {
    return this.#steps.next();
  }

  /** Ends it, also while somebody waits for the next event. */
  async return(): Promise<IteratorResult<WatchEvent<V, K> | WatchProgress, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    return Promise.resolve();
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(options: WatchOptions): void {
    const { router, clock, random, watches, settings } = this.#engine;
    this.#plan = planWatch(options, router.finder.clusterId);
    this.#tellsProgress = flag('progress', options.progress, false);
    const ports = { streams: watches, router, clock, random, backoff: settings.backoff };
    this.#range = new RangeWatch(ports, this.#plan, this.#stop.signal);
  }

  async #readiness(refusal: DougError | null): Promise<void> {
    if (refusal !== null) throw refusal;
    try {
      await this.#range?.created;
    } catch (error) {
      throw this.#ended(error);
    }
  }

  async *#run(
    refusal: DougError | null,
  ): AsyncGenerator<WatchEvent<V, K> | WatchProgress, undefined> {
    if (refusal !== null) throw refusal;
    const range = this.#range;
    try {
      while (range !== null && !this.#isClosed) {
        const step = range.next();
        // From here on all of it counts as taken.
        this.#batch = null;
        const batch = await step;
        if (batch.events.length > 0) yield* this.#take(batch);
        else if (this.#tellsProgress) yield { type: 'progress', token: tokenText(batch.token) };
      }
    } catch (error) {
      if (!this.#isClosed) throw this.#ended(error);
    } finally {
      this.#end();
    }
    return undefined;
  }

  *#take(batch: WatchBatch): Generator<WatchEvent<V, K>> {
    this.#batch = batch;
    this.#at = 0;
    for (const event of batch.events) {
      if (this.#isClosed) return;
      // The token of the watch stays before what cannot be decoded.
      const told = this.#event(batch, this.#at, event);
      this.#at++;
      yield told;
    }
  }

  #event(batch: WatchBatch, at: number, event: WireEvent): WatchEvent<V, K> {
    const { key, value, revision } = event.kv as KeyValue;
    let token: string | null = null;
    const base = {
      key: decodeKey(this.#codec, key),
      revision,
      ...(this.#plan?.previous ? { previous: this.#previous(event.previous) } : {}),
      get token(): string {
        token ??= tokenText(batch.tokenAt(at));
        return token;
      },
    };
    const isPut = event.type === WatchEventType.WATCH_EVENT_TYPE_PUT;
    // Assigned, not spread: that would make the token.
    return isPut
      ? Object.assign(base, { type: 'put' as const, value: decodeValue(this.#codec, value) })
      : Object.assign(base, { type: 'delete' as const });
  }

  #previous(kv: KeyValue | undefined): Previous<V> | null {
    if (kv === undefined) return null;
    return { value: decodeValue(this.#codec, kv.value), revision: kv.revision };
  }

  /** What the application is told. */
  #ended(error: unknown): DougError {
    const known = this.#engine.isClosed
      ? new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' })
      : DougError.from(error, 'NOT_APPLIED');
    return new WatchError(known, this.token);
  }

  #end(): void {
    this.#range?.close();
    this.#stop.release();
  }
}

/** What is no object, or no signal, is told when the options are read. */
function signalOf(options: WatchOptions): AbortSignal | undefined {
  const signal = (options as WatchOptions | null)?.signal;
  return typeof signal?.addEventListener === 'function' ? signal : undefined;
}
