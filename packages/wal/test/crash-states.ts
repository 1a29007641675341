import type { CrashOptions, Operation, Verdict } from '@dougdb/ports/sim';
import type { Wal } from '../src/index.js';
import type { History, Moment } from './history.js';
import { showWal } from './model.js';
import type { Rig } from './rig.js';

/** A disk as a power loss leaves it just before an operation. */
export interface CrashState {
  readonly rig: Rig;
  /** What may be found on it. */
  readonly moment: Moment;
  readonly crash: CrashOptions;
  /** Which operation, for messages. */
  readonly before: string;
}

/** From nothing but what was synced to everything, with sectors, sizes and names each by chance between. */
export const CRASHES: readonly CrashOptions[] = [
  { keepUnsyncedPercent: 0 },
  { keepUnsyncedPercent: 50 },
  { keepUnsyncedPercent: 70, sector: 64, garbage: true },
  { keepUnsyncedPercent: 100 },
];

/**
 * Watches a run and collects the disks that a power loss may leave before each of its operations that
 * changes something, and at its end. `crashes` says for the k-th which ones; `fault` may spoil the disk.
 */
export async function collectStates(
  rig: Rig,
  history: History | null,
  crashes: (k: number) => readonly CrashOptions[],
  run: () => Promise<void>,
  fault: (operation: Operation) => Verdict = () => 'ok',
): Promise<CrashState[]> {
  const states: CrashState[] = [];
  let seen = rig.fs.mutationCount;
  let k = 0;
  const collect = (before: string): void => {
    const moment = history?.moment() ?? { acked: 0, newest: 0 };
    for (const crash of crashes(k)) {
      states.push({ rig: rig.afterCrash(crash), moment, crash, before: `${k} ${before}` });
    }
    k++;
  };
  rig.fs.onOperation((operation) => {
    if (rig.fs.mutationCount > seen) {
      seen = rig.fs.mutationCount;
      collect(`${operation.kind} ${operation.path}`);
    }
    return fault(operation);
  });
  await run();
  rig.fs.onOperation(null);
  collect('end');
  return states;
}

/** What a start has shown. */
export interface Recovered {
  /** Which state of the history it is. */
  readonly found: number;
  /** All of it, hints too: the next start must show the same. */
  readonly shown: string;
}

/** The start after the crash shows a state that it may show, and the one after it shows the same. */
export async function checkRecovery(state: CrashState, history: History): Promise<Recovered> {
  try {
    const disk = state.rig.copy();
    const { wal } = await disk.open();
    const found = history.check(wal, state.moment);
    const shown = show(wal);
    // Though nothing more was synced.
    const { wal: next } = await disk.afterCrash(state.crash).open();
    expect(show(next)).toBe(shown);
    return { found, shown };
  } catch (error) {
    throw new Error(`power loss ${JSON.stringify(state.crash)} before ${state.before}`, {
      cause: error,
    });
  }
}

/** The power fails again before every operation of that start: each time the next one shows the same. */
export async function checkSecondCrash(state: CrashState, shown: string): Promise<number> {
  const disk = state.rig.copy();
  const again = await collectStates(
    disk,
    null,
    () => [state.crash],
    async () => {
      await disk.open();
    },
  );
  for (const second of again) {
    const { wal } = await second.rig.open();
    expect(`before ${state.before}, ${second.before}: ${show(wal)}`).toBe(
      `before ${state.before}, ${second.before}: ${shown}`,
    );
  }
  return again.length;
}

function show(wal: Wal): string {
  const hints = wal.logIds().map((id) => `${id}:${wal.log(id).commitHint()}`);
  return `${showWal(wal)}\nhints ${hints.join(' ')}`;
}
