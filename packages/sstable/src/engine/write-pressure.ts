import {
  SLOW_LEVEL0_TABLES,
  STALL_FREEZES,
  STALL_LEVEL0_TABLES,
  STALL_MEMTABLES,
} from './settings.js';
import type { Store } from './store.js';

/** 'free': write; 'slow': write, but pause; 'stalled': refuse growth. */
export type PressureState = 'free' | 'slow' | 'stalled';

/** How far flushes and compactions are behind. */
export interface WritePressure {
  readonly state: PressureState;
  /**
   * What to pause between two batches of writes so that the background work can follow: 0 while 'free',
   * then growing up to 25. A suggestion: nothing here sleeps.
   */
  readonly delayMs: number;
  /** Bytes that compactions would have to write until all levels are in shape: an estimate. */
  readonly compactionDebtBytes: number;
}

const LONGEST_DELAY_MS = 25;
/** Memtables that wait for their flush and are nothing to worry about. */
const FREE_MEMTABLES = 2;
/** Part of the budget for frozen memtables from which writes should slow down. */
const SLOW_BUDGET_SHARE = 0.75;
/** Debt in times of the base level's bytes: from the first on writes slow down, at the second as much as ever. */
const SLOW_DEBT_LEVELS = 16;
const FULL_DEBT_LEVELS = 64;
/** Debt alone slows writes down and never stops them: they would wait for minutes. */
const MOST_BY_DEBT = 0.9;

/** True while flushes and compactions are so far behind that growth should be refused. */
export function isStalled({ frozen, version, settings }: Store): boolean {
  if (settings.budget.isFull) return true;
  if ((version.levels[0]?.length ?? 0) >= STALL_LEVEL0_TABLES) return true;
  // Each one holds a state record of the host, with or without a memtable.
  if (frozen.length > STALL_FREEZES) return true;
  return waitingMemtables(frozen) > STALL_MEMTABLES;
}

export function writePressure(store: Store): WritePressure {
  const { frozen, version, settings } = store;
  const compactionDebtBytes = store.compactionDebtBytes;
  const part = Math.max(
    between(version.levels[0]?.length ?? 0, SLOW_LEVEL0_TABLES - 1, STALL_LEVEL0_TABLES),
    between(waitingMemtables(frozen), FREE_MEMTABLES, STALL_MEMTABLES + 1),
    between(settings.budget.frozenShare, SLOW_BUDGET_SHARE, 1),
    MOST_BY_DEBT *
      between(compactionDebtBytes / settings.level1Bytes, SLOW_DEBT_LEVELS, FULL_DEBT_LEVELS),
  );
  const isFull = isStalled(store);
  if (part <= 0 && !isFull) return { state: 'free', delayMs: 0, compactionDebtBytes };
  // Slow at first, steep before the end.
  const delayMs = isFull ? LONGEST_DELAY_MS : 1 + (LONGEST_DELAY_MS - 1) * part ** 2;
  return { state: isFull ? 'stalled' : 'slow', delayMs, compactionDebtBytes };
}

/** Where a value stands between two others, 0 to 1. */
function between(value: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

function waitingMemtables(frozen: Store['frozen']): number {
  return frozen.filter(({ memtable }) => memtable !== null).length;
}
