import { type BackoffOptions, defaultBackoff } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import type { Codec, Key, NamedCodecs } from './codec.js';
import type { PendingBounds } from './engine/pending-limit.js';
import { type Consistency, checkConsistency } from './read-options.js';

/** What every call takes. */
export interface CallOptions {
  /** Gives the call up at any moment: it rejects with DOUG_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time for the call with all its retries; for a scan: for each of its chunks. */
  readonly timeoutMs?: number | undefined;
}

/** How a client is set up. */
export interface ClientOptions<V = string, K extends Key = string> {
  /** How values become bytes: a name or a codec of your own. Default 'utf8'. */
  readonly codec?: Codec<V, K> | keyof NamedCodecs | undefined;
  /** Default of every call. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Pauses between attempts. */
  readonly retry?: Partial<BackoffOptions> | undefined;
  /** Default of every read. Default 'linearizable'. */
  readonly consistency?: Consistency | undefined;
  /**
   * Most that may be called and not settled, over all views of the client. What goes beyond it is refused
   * with DOUG_BUSY before it is sent; see {@link DougClient.ready}. Default 65,536 operations, 64 MiB.
   */
  readonly pendingLimit?: Partial<PendingBounds> | undefined;
  /** Gives the connecting up; calls have signals of their own. */
  readonly signal?: AbortSignal | undefined;
  /** Talk to the nodes even if the endpoints belong to a facade. Default false. */
  readonly direct?: boolean | undefined;
}

/** As {@link ClientOptions}, with the addresses. */
export interface ConnectOptions<V = string, K extends Key = string> extends ClientOptions<V, K> {
  /** HOST:PORT of some nodes or facades: a list, or a string with commas. One that answers is enough. */
  readonly endpoints: string | readonly string[];
}

/** What is left of the options when everything is decided. */
export interface Settings {
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
  readonly backoff: BackoffOptions;
  readonly consistency: Consistency;
  readonly direct: boolean;
  readonly pendingLimit: PendingBounds;
}

/** Defaults of {@link ClientOptions}. */
export const defaultSettings = Object.freeze({
  timeoutMs: 5_000,
  backoff: defaultBackoff,
  consistency: 'linearizable' as Consistency,
  direct: false,
  pendingLimit: Object.freeze({ operations: 65_536, bytes: 64 * 1024 * 1024 }) as PendingBounds,
});

/** Longest timeout: what a timer takes. */
const longestTimeoutMs = 2 ** 31 - 1;

/** Checks options and fills in the defaults. @throws DougError INVALID_ARGUMENT */
export function resolveSettings<V, K extends Key>(options: ConnectOptions<V, K>): Settings {
  checkOptions(options);
  return Object.freeze({
    endpoints: parseEndpoints(options.endpoints),
    timeoutMs: checkTimeout(options.timeoutMs ?? defaultSettings.timeoutMs),
    backoff: checkBackoff({ ...defaultSettings.backoff, ...options.retry }),
    consistency: checkConsistency(options.consistency ?? defaultSettings.consistency),
    direct: checkDirect(options.direct ?? defaultSettings.direct),
    pendingLimit: checkPending({ ...defaultSettings.pendingLimit, ...options.pendingLimit }),
  });
}

/** Checks that the options of a call are some, and that the signal is one. @throws DougError INVALID_ARGUMENT */
export function checkOptions(options: CallOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('options must be an object');
  const { signal } = options;
  const isSignal = signal === undefined || typeof signal?.addEventListener === 'function';
  if (!isSignal) throw invalid('signal must be an AbortSignal');
}

/** @throws DougError INVALID_ARGUMENT */
export function checkTimeout(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= longestTimeoutMs) {
    return timeoutMs;
  }
  throw invalid(`timeoutMs must be above 0 and at most ${longestTimeoutMs}, not ${timeoutMs}`);
}

/** Addresses as HOST:PORT, each once. @throws DougError INVALID_ARGUMENT */
export function parseEndpoints(endpoints: string | readonly string[]): string[] {
  if (typeof endpoints !== 'string' && !Array.isArray(endpoints)) {
    throw invalid('endpoints must be a string or a list of strings');
  }
  const list = (typeof endpoints === 'string' ? endpoints.split(',') : [...endpoints])
    .map((endpoint) => String(endpoint).trim())
    .filter((endpoint) => endpoint !== '');
  if (list.length === 0) throw invalid('no endpoint is given: HOST:PORT, more of them with commas');
  for (const endpoint of list) {
    const port = Number(/:(\d{1,5})$/.exec(endpoint)?.[1]);
    const host = endpoint.slice(0, endpoint.lastIndexOf(':'));
    const isHost = /^\[[0-9a-fA-F:.%]+\]$/.test(host) || /^[A-Za-z0-9._-]+$/.test(host);
    if (!(isHost && port >= 1 && port <= 65_535)) {
      throw invalid(`endpoint '${endpoint}' is not HOST:PORT`);
    }
  }
  return [...new Set(list)];
}

function checkDirect(direct: boolean): boolean {
  if (typeof direct === 'boolean') return direct;
  throw invalid(`direct must be true or false, not ${String(direct)}`);
}

function checkPending(bounds: PendingBounds): PendingBounds {
  const { operations, bytes } = bounds;
  const areCounts = [operations, bytes].every((count) => Number.isSafeInteger(count) && count > 0);
  if (areCounts) return Object.freeze(bounds);
  throw invalid('pendingLimit: operations and bytes must be integers of at least 1');
}

function checkBackoff(backoff: BackoffOptions): BackoffOptions {
  if (backoff.baseMs > 0 && backoff.maxMs >= backoff.baseMs && Number.isFinite(backoff.maxMs)) {
    return Object.freeze(backoff);
  }
  throw invalid('retry: 0 < baseMs <= maxMs is wanted');
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}
