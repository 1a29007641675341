import { UsageError } from '../cli-errors.js';
import { parseCount } from '../globals.js';

/** How fresh a read is, as the command line says it. */
export interface ReadFlags {
  readonly consistency?: string;
  readonly revision?: string;
}

/** What the client takes for it. */
export interface ReadLevelOptions {
  readonly consistency?:
    | 'linearizable'
    | 'lease'
    | 'eventual'
    | { readonly maxAgeMs: number }
    | undefined;
  readonly revision?: number | undefined;
}

/** @throws UsageError */
export function parseReadFlags({ consistency, revision }: ReadFlags): ReadLevelOptions {
  if (revision === undefined) return { consistency: parseConsistency(consistency) };
  if (consistency !== undefined) {
    throw new UsageError('a read takes --revision or --consistency, not both');
  }
  return { revision: parseCount('--revision', revision, 1) };
}

function parseConsistency(text = 'linearizable'): ReadLevelOptions['consistency'] {
  if (text === 'linearizable' || text === 'lease' || text === 'eventual') return text;
  const bound = /^bounded=(\d+)$/.exec(text)?.[1];
  if (bound !== undefined) return { maxAgeMs: parseCount('--consistency bounded=', bound, 1) };
  throw new UsageError(
    `--consistency wants linearizable, lease, eventual or bounded=MS, not '${text}'`,
  );
}
