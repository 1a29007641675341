/** How much the long loops do: all of it with DOUG_STORE_FULL=1, a share that changes with the seed otherwise. */
export const isFull = process.env.DOUG_STORE_FULL === '1';

/** For machines that do much else: no test is decided by it. */
export const TIMEOUT_MS = isFull ? 7_200_000 : 900_000;

/** Printed with every failure: DOUG_STORE_SEED=... runs the same share again. */
export const seed = process.env.DOUG_STORE_SEED ?? `${Date.now()}`;

/** What to type for the same run. */
export function replayOf(test: string): string {
  const full = isFull ? 'DOUG_STORE_FULL=1 ' : '';
  return `${full}DOUG_STORE_SEED=${seed} npx jest --selectProjects sstable -t '${test}'`;
}
