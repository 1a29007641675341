import { UsageError } from './cli-errors.js';
import type { Io } from './io.js';

/** How results are printed. */
export type OutputFormat = 'table' | 'json' | 'raw';

/** The options that every command takes, decided. */
export interface Globals {
  /** HOST:PORT with commas. */
  readonly endpoints: string;
  /** Who said so. */
  readonly endpointsFrom: '--endpoint' | 'DOUG_ENDPOINTS' | 'the default';
  readonly format: OutputFormat;
  readonly timeoutMs: number;
}

/** The options as they stand on the command line. */
export interface GlobalFlags {
  readonly endpoint?: string;
  readonly output?: string;
  readonly timeout?: string;
}

export const defaultEndpoint = '127.0.0.1:4400';
const defaultTimeoutMs = 5_000;

/** Flags win over the environment, the environment over the defaults. @throws UsageError */
export function resolveGlobals(flags: GlobalFlags, env: Io['env']): Globals {
  const fromEnv = nonEmpty(env.DOUG_ENDPOINTS);
  const source = fromEnv === undefined ? 'the default' : 'DOUG_ENDPOINTS';
  return {
    endpoints: flags.endpoint ?? fromEnv ?? defaultEndpoint,
    endpointsFrom: flags.endpoint === undefined ? source : '--endpoint',
    format: parseFormat(flags.output ?? 'table'),
    timeoutMs: flags.timeout === undefined ? defaultTimeoutMs : parseTimeout(flags.timeout),
  };
}

/** The output format for errors, even when the rest of the command line makes no sense. */
export function formatOf(args: readonly string[]): OutputFormat {
  const end = args.indexOf('--');
  const text = (end < 0 ? args : args.slice(0, end)).join('\0');
  return /(?:^|\0)(?:-o\0?|--output[=\0])json(?:\0|$)/.test(text) ? 'json' : 'table';
}

/** The endpoints one by one. */
export function endpointList({ endpoints }: Globals): string[] {
  const list = endpoints.split(',').map((endpoint) => endpoint.trim());
  return [...new Set(list.filter((endpoint) => endpoint !== ''))];
}

/** Milliseconds of '500', '500ms', '5s' or '2m'. @throws UsageError */
function parseTimeout(text: string): number {
  const ms = millisecondsOf(text, { ms: 1, s: 1_000, m: 60_000 });
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new UsageError(`--timeout wants a time as 500ms, 5s or 2m, not '${text}'`);
}

/** Whole milliseconds of '500ms', '5s', '2m', '12h' or '30d'. @param name - of the option @throws UsageError */
export function parseTime(name: string, text: string): number {
  const ms = millisecondsOf(text, {
    ms: 1,
    s: 1_000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  });
  if (ms >= 1 && Number.isSafeInteger(ms)) return ms;
  throw new UsageError(`${name} wants a time as 500ms, 5s, 2m, 12h or 30d, not '${text}'`);
}

/** NaN: it is none. */
function millisecondsOf(text: string, scales: Readonly<Record<string, number>>): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]+)?$/.exec(text);
  return Number(match?.[1]) * (scales[match?.[2] ?? 'ms'] ?? Number.NaN);
}

/** A count of at least `least`. @param name - of the option or argument @throws UsageError */
export function parseCount(name: string, text: string, least: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least) return count;
  throw new UsageError(`${name} wants a whole number of at least ${least}, not '${text}'`);
}

function parseFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json' || text === 'raw') return text;
  throw new UsageError(`--output wants table, json or raw, not '${text}'`);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}
