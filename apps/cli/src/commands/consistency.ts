import { UsageError } from '../cli-errors.js';

/** @throws UsageError */
export function parseConsistency(text = 'linearizable'): 'linearizable' | 'eventual' {
  if (text === 'linearizable' || text === 'eventual') return text;
  throw new UsageError(`--consistency wants linearizable or eventual, not '${text}'`);
}
