/**
 * Makes a list that fails as short as it can by leaving parts out: halves, quarters, and so on down to single
 * items, again and again while that helps ("delta debugging", Zeller 1999). The order stays.
 * @param fails tries a list; must answer the same for the same list
 * @param maxTries bounds the work
 */
export async function shrinkList<T>(
  list: readonly T[],
  fails: (candidate: readonly T[]) => Promise<boolean>,
  maxTries = 400,
): Promise<readonly T[]> {
  let shortest = list;
  let tries = 0;
  for (let size = Math.ceil(list.length / 2); size >= 1; ) {
    let isShorter = false;
    for (let from = 0; from < shortest.length && tries < maxTries; ) {
      const candidate = [...shortest.slice(0, from), ...shortest.slice(from + size)];
      tries++;
      if (await fails(candidate)) {
        shortest = candidate;
        isShorter = true;
      } else from += size;
    }
    if (tries >= maxTries) break;
    if (size > 1) size = Math.ceil(size / 2);
    else if (!isShorter) break;
  }
  return shortest;
}
