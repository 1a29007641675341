import type { ReadMark } from '@dougdb/replica';
import { Consistency } from '@dougdb/rpc-proto';

/** What a write is answered as: whoever reads afterwards finds it. */
export const linearizableMark: ReadMark = Object.freeze({
  served: Consistency.CONSISTENCY_LINEARIZABLE,
  ageMs: 0,
});

/**
 * What can be said of two reads of one level together: where the lease of one has ended, and it took a
 * round, they are as good as the other; of two ages the larger one.
 */
export function weakerMark(a: ReadMark, b: ReadMark): ReadMark {
  if (a.served === b.served) return a.ageMs >= b.ageMs ? a : b;
  return a.served === Consistency.CONSISTENCY_LINEARIZABLE ? b : a;
}
