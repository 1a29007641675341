/** How many times the usual work the randomised tests do: `DOUG_WAL_SCALE=20 npx jest ...`. */
export const SCALE = Number(process.env.DOUG_WAL_SCALE ?? 1);

/** So many seeds at the usual scale, from `first` on. */
export function seeds(first: number, count: number): number[] {
  return Array.from({ length: Math.ceil(count * SCALE) }, (_, i) => first + i);
}
