/** How many times the usual work the randomised tests do: `DOUG_WAL_SCALE=20 npx jest ...`. */
export const SCALE = Number(process.env.DOUG_WAL_SCALE ?? 1);

/** `DOUG_WAL_FULL=1`: the counts that the documents name, instead of a share of the time. */
export const FULL = process.env.DOUG_WAL_FULL === '1';

/** Time that a test with such counts may take on a machine that is busy with other things. */
export const LONG_MS = FULL ? 3_600_000 : 60_000;

/** Of runs that draw afresh each time. */
export const SEED = process.env.DOUG_WAL_SEED ?? String(Math.floor(Math.random() * 1e9));

/** So many seeds at the usual scale, from `first` on. */
export function seeds(first: number, count: number): number[] {
  return Array.from({ length: Math.ceil(count * SCALE) }, (_, i) => first + i);
}

/**
 * Runs cases 0, 1, 2 ...: so many in a full run, else for so long and 20 at least. Answers how many
 * there were. An error says how to run its case again.
 */
export async function share(
  seconds: number,
  fullCount: number,
  run: (i: number) => Promise<void>,
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const isOver = (i: number): boolean =>
    FULL ? i >= fullCount : i >= 20 && performance.now() >= end;
  let i = 0;
  try {
    for (; !isOver(i); i++) await run(i);
  } catch (error) {
    throw new Error(`case ${i} of DOUG_WAL_SEED=${SEED} npx jest --selectProjects wal`, {
      cause: error,
    });
  }
  return i;
}
