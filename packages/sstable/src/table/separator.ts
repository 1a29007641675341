/**
 * Length of a prefix of `last` that, its last byte raised by one, lies strictly between the two user
 * keys; -1 if there is none that is shorter than `last`.
 */
export function separatorLength(
  last: Uint8Array,
  lastLength: number,
  next: Uint8Array,
  nextLength: number,
): number {
  const limit = Math.min(lastLength, nextLength);
  let at = 0;
  while (at < limit && last[at] === next[at]) at++;
  if (at >= limit || at + 1 >= lastLength) return -1;
  // last < next, so last[at] < next[at]: no overflow. Raised, it must stay below next itself.
  if (last[at]! + 1 < next[at]! || (last[at]! + 1 === next[at]! && nextLength > at + 1))
    return at + 1;
  return -1;
}
