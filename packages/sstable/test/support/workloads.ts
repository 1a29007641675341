import type { DbOptions } from '../../src/contract.js';
import { Machine } from './databases.js';
import { repeat, type Step, writes } from './steps.js';

/** Sizes at which a few dozen writes flush, compact and make several levels. */
const SMALL: Partial<DbOptions> = {
  memtableBytes: 100_000,
  blockBytes: 100,
  tableBytes: 500,
  level0Tables: 3,
  level1Bytes: 900,
};

export interface Workload {
  readonly name: string;
  readonly options: Partial<DbOptions>;
  /** 0: what a flush begins ends at once; else flushes and compactions are under way together. */
  readonly syncDelayMs: number;
  /** Default: on the loop. */
  readonly jobs?: 'in threads';
  readonly steps: readonly Step[];
}

const look: Step[] = [
  { do: 'get', key: 'key3', ago: 0 },
  { do: 'iterate', reverse: false, ago: 3 },
  { do: 'iterate', reverse: true, ago: 0 },
];

/**
 * Short courses for loops that let each operation fail in turn. Each is about one thing; together they pass
 * every place at which a database touches its disk.
 */
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'fill and flush',
    options: { ...SMALL, level0Tables: 100 },
    syncDelayMs: 0,
    steps: repeat(4, (round) => [
      ...writes(6, { from: round * 6, keys: 40 }),
      { do: 'freeze' },
      ...(round % 2 === 0 ? [{ do: 'flushed' } as const] : []),
      ...look,
    ]),
  },
  {
    name: 'overwrite and compact',
    // Blocks that are compressed, and an index of two levels.
    options: { ...SMALL, compression: 'deflate-raw', indexBytes: 60 },
    syncDelayMs: 0.4,
    steps: repeat(5, (round) => [
      ...writes(5, { from: round * 5, keys: 7 }),
      { do: 'floor', ago: 8 },
      { do: 'freeze' },
      { do: 'wait', ms: 0.7 },
      ...(round === 3 ? [{ do: 'compact' } as const] : []),
      ...look,
    ]),
  },
  {
    name: 'reopen',
    options: SMALL,
    syncDelayMs: 0,
    steps: repeat(4, (round) => [
      ...writes(4, { from: round * 4 }),
      { do: 'freeze' },
      { do: 'flushed' },
      { do: 'put', key: 'lost', sizeBytes: 30 },
      { do: 'reopen' },
      ...look,
    ]),
  },
  {
    name: 'freeze without writes',
    options: SMALL,
    syncDelayMs: 0.4,
    steps: repeat(4, (round) => [
      { do: 'freeze' },
      ...writes(round % 2 === 0 ? 3 : 0, { from: round * 3 }),
      { do: 'freeze' },
      { do: 'freeze' },
      ...(round % 2 === 0 ? [{ do: 'wait', ms: 0.5 } as const] : [{ do: 'flushed' } as const]),
      ...look,
    ]),
  },
  {
    name: 'jobs in threads',
    options: SMALL,
    syncDelayMs: 0,
    jobs: 'in threads',
    steps: repeat(4, (round) => [
      ...writes(5, { from: round * 5, keys: 7 }),
      { do: 'freeze' },
      { do: 'wait', ms: round },
      ...(round === 2 ? [{ do: 'compact' } as const, { do: 'reopen' } as const] : []),
      ...look,
    ]),
  },
  {
    name: 'close while a job runs',
    options: { ...SMALL, level0Tables: 2 },
    syncDelayMs: 0.4,
    steps: repeat(5, (round) => [
      ...writes(4, { from: round * 4 }),
      { do: 'freeze' },
      { do: 'command', keys: ['a', 'b', 'key1'] },
      { do: 'freeze' },
      { do: 'wait', ms: [0, 0.5, 0.9, 1.4, 2.5][round] ?? 0 },
      { do: 'reopen' },
      ...look,
    ]),
  },
];

/** A machine for a workload. */
export function machineOf(workload: Workload, seed: number | string = 1): Machine {
  const machine = new Machine(workload.options, workload.syncDelayMs, seed);
  machine.jobs = workload.jobs ?? 'on the loop';
  return machine;
}
