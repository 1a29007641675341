/** Times as numbers whose order is exactly that of the originals. */
export interface OrderedTimes {
  readonly times: readonly number[];
  /** `ns`: since the smallest. `rank`: the span is beyond 2^53 ns (104 days), only the order is kept. */
  readonly unit: 'ns' | 'rank';
}

/** Makes exact integers of any size comparable as numbers. No bigint leaves here. */
export function orderedTimes(exact: readonly (number | bigint)[]): OrderedTimes {
  let smallest = exact[0] ?? 0;
  let largest = smallest;
  for (const time of exact) {
    // Comparing a number with a bigint is exact in JavaScript.
    if (time < smallest) smallest = time;
    if (time > largest) largest = time;
  }
  const base = BigInt(smallest);
  if (BigInt(largest) - base > BigInt(Number.MAX_SAFE_INTEGER)) {
    return { times: ranks(exact), unit: 'rank' };
  }
  const numericBase = typeof smallest === 'number' ? smallest : null;
  const times = exact.map((time) =>
    numericBase !== null && typeof time === 'number'
      ? time - numericBase
      : Number(BigInt(time) - base),
  );
  return { times, unit: 'ns' };
}

function ranks(exact: readonly (number | bigint)[]): number[] {
  const all = exact.map(BigInt);
  const sorted = [...new Set(all)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const rankOf = new Map(sorted.map((time, rank) => [time, rank]));
  return all.map((time) => rankOf.get(time) as number);
}
