import { prefixEnd, RangeScan, type ScanPlan } from '@dougdb/facade';
import { DougError, type KeyValue } from '@dougdb/rpc-proto';
import { encodeKey, type Key } from './codec.js';
import type { Abortable } from './engine/abort-watch.js';
import type { Engine } from './engine/engine.js';
import type { ReadOptions } from './options.js';

/** What to scan. `prefix`, or any of `start` and `end`; nothing: everything. */
export interface ScanOptions extends ReadOptions {
  /** Keys that begin with this. */
  readonly prefix?: Key | undefined;
  /** First key, inclusive. */
  readonly start?: Key | undefined;
  /** Last key, exclusive. */
  readonly end?: Key | undefined;
  /** Most entries to yield. Default: all. */
  readonly limit?: number | undefined;
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined;
  /** Values are not fetched. */
  readonly keysOnly?: boolean | undefined;
}

/** The range of scan options. @throws DougError INVALID_ARGUMENT */
export function scanRange(options: ScanOptions): { start: Uint8Array; end: Uint8Array } {
  const { prefix, start, end } = options;
  if (prefix !== undefined) {
    if (start !== undefined || end !== undefined) {
      throw new DougError('INVALID_ARGUMENT', 'a scan takes a prefix or start and end, not both');
    }
    const from = encodeKey(prefix);
    return { start: from, end: prefixEnd(from) };
  }
  return { start: encodeKey(start ?? ''), end: encodeKey(end ?? '') };
}

/** The entries of a range, in the chunks of {@link RangeScan}. Ends with the signal and with the client. */
export async function* scanChunks(
  engine: Engine,
  plan: ScanPlan,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly KeyValue[]> {
  const stop = new StopSource(engine, signal);
  const { transport, router, clock, random } = engine;
  const ports = { transport, router, clock, random, backoff: engine.settings.backoff };
  const scan = new RangeScan(ports, plan, stop.signal);
  try {
    for (;;) {
      const chunk = await scan.next();
      if (chunk === null) return;
      yield chunk.kvs;
    }
  } catch (error) {
    if (!engine.isClosed) throw error;
    throw new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' });
  } finally {
    scan.close();
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
    this.#stop.abort(this.#from?.reason);
  }

  release(): void {
    this.#engine.dependents.delete(this);
    if (this.#from !== undefined) this.#engine.signals.remove(this.#from, this);
  }
}
