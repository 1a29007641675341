import { UsageError } from '../usage-error.js';

/** @throws UsageError */
export function parseConsistency(text = 'linearizable'): 'linearizable' | 'eventual' {
  if (text === 'linearizable' || text === 'eventual') return text;
  throw new UsageError(`unknown consistency '${text}': linearizable and eventual are there`);
}
