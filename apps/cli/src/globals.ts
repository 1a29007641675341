import type { Io } from './io.js';
import { UsageError } from './usage-error.js';

/** How results are printed. */
export type OutputFormat = 'table' | 'json' | 'raw';

/** The options that every command takes, decided. */
export interface Globals {
  /** HOST:PORT with commas. */
  readonly endpoints: string;
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
  return {
    endpoints: flags.endpoint ?? nonEmpty(env.DOUG_ENDPOINTS) ?? defaultEndpoint,
    format: parseFormat(flags.output ?? 'table'),
    timeoutMs: flags.timeout === undefined ? defaultTimeoutMs : parseDuration(flags.timeout),
  };
}

/** The output format for errors, even when the rest of the command line makes no sense. */
export function formatOf(args: readonly string[]): OutputFormat {
  const text = args.join('\0');
  return /(?:^|\0)(?:-o\0?|--output[=\0])json(?:\0|$)/.test(text) ? 'json' : 'table';
}

/** Milliseconds of '500', '500ms', '5s' or '2m'. @throws UsageError */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  const scale = { ms: 1, s: 1_000, m: 60_000 }[match?.[2] ?? 'ms'] ?? Number.NaN;
  const ms = Number(match?.[1]) * scale;
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new UsageError(`'${text}' is no time: 500ms, 5s and 2m are`);
}

/** A count of at least `least`. @throws UsageError */
export function parseCount(text: string, least: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least) return count;
  throw new UsageError(`'${text}' is no whole number of at least ${least}`);
}

function parseFormat(text: string): OutputFormat {
  if (text === 'table' || text === 'json' || text === 'raw') return text;
  throw new UsageError(`unknown output format '${text}': table, json and raw are there`);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text;
}
