import type { ActionKind } from './actions.js';
import type { Plan } from './plan.js';

/** What goes wrong in runs of one kind. */
export interface Profile {
  readonly kinds: readonly ActionKind[];
  /** Messages and calls are lost, connections break. */
  readonly isLossy?: boolean;
  /** Wall clocks an hour apart that jump, monotonic ones that run too fast or too slow. */
  readonly areClocksWrong?: boolean;
  /** Disks that take their time. */
  readonly areDisksSlow?: boolean;
  /** What is not drawn. */
  readonly fixed?: Partial<Plan> & {
    readonly meanFaultPauseMs?: number;
    readonly meanFaultMs?: number;
  };
}

const crashes = ['crash', 'crash-at-operation', 'crash-all', 'crash-loop', 'kill'] as const;
const cuts = ['isolate', 'isolate-leader', 'one-way', 'bridge', 'split', 'slow-link'] as const;

export const profiles: Readonly<Record<string, Profile>> = {
  calm: { kinds: ['transfer'] },
  loss: { isLossy: true, kinds: ['break-streams', 'slow-link', 'transfer'] },
  crashes: { kinds: [...crashes, ...crashes, 'transfer'] },
  cuts: { kinds: [...cuts, 'break-streams'] },
  pauses: {
    kinds: ['pause', 'pause-leader', 'pause-leader', 'slow-disk', 'stop-replica'],
    fixed: { meanFaultPauseMs: 300, meanFaultMs: 400 },
  },
  clocks: {
    areClocksWrong: true,
    kinds: ['jump-clock', 'jump-clock', 'transfer', 'crash', 'isolate-leader', 'pause-leader'],
  },
  'slow-disks': {
    areDisksSlow: true,
    kinds: ['slow-disk', 'slow-disk', 'crash', 'kill', 'transfer'],
  },
  transfers: {
    kinds: ['transfer', 'transfer', 'transfer', 'stop-replica', 'slow-link', 'isolate-leader'],
    fixed: { meanFaultPauseMs: 200, meanFaultMs: 150 },
  },
  /** Reads that wait for a disk at leaders that are followed no more. */
  leases: {
    kinds: ['slow-and-cut-off-leader', 'slow-and-cut-off-leader', 'isolate-leader', 'transfer'],
    fixed: {
      ...{ members: 3, partitions: 1, leaseReads: true, meanPauseMs: 10 },
      clients: [
        ...(['registers', 'sweeper', 'sweeper', 'transactor', 'mortal'] as const),
        ...(['levels', 'levels', 'levels', 'levels', 'levels', 'levels'] as const),
      ],
      room: {
        ...{ memtableBytes: 2 << 10, memtableBudgetBytes: 96 << 10, blockCacheBytes: 0 },
        ...{ freezeLogEntries: 20, historyMs: 600_000, ringBytes: 1 << 20, windowEvents: 1_000 },
      },
      ...{ meanFaultPauseMs: 500, meanFaultMs: 600 },
    },
  },
  /** Bounded reads at members that hear their leader late, and not at all for a while. */
  lag: {
    kinds: ['slow-link', 'slow-link', 'slow-link', 'one-way', 'isolate'],
    fixed: {
      ...{ members: 3, partitions: 1, meanPauseMs: 10 },
      clients: ['registers', 'registers', 'levels', 'levels', 'levels', 'watcher'],
      ...{ meanFaultPauseMs: 300, meanFaultMs: 600 },
    },
  },
  /** Calls that end in doubt, are made again, and have little time for it. */
  doubts: {
    isLossy: true,
    kinds: ['isolate-leader', 'isolate-leader', 'break-streams', 'stop-replica', 'pause-leader'],
    fixed: {
      ...{ members: 3, partitions: 1, meanPauseMs: 10, callTimeoutMs: 200 },
      clients: new Array<'registers'>(8).fill('registers'),
      ...{ meanFaultPauseMs: 250, meanFaultMs: 300 },
    },
  },
  /** Watches that are resumed all the time and read what is neither in memory nor in tables yet. */
  watches: {
    areDisksSlow: true,
    kinds: ['slow-disk', 'slow-disk', 'break-streams', 'crash', 'transfer'],
    fixed: {
      ...{ members: 3, partitions: 1, meanPauseMs: 10 },
      clients: ['registers', 'registers', 'transactor', 'watcher', 'watcher', 'watcher'],
      room: {
        ...{ memtableBytes: 2 << 10, memtableBudgetBytes: 1 << 20, blockCacheBytes: 4 << 10 },
        ...{ freezeLogEntries: 20, historyMs: 600_000, ringBytes: 1 << 10, windowEvents: 8 },
      },
    },
  },
  mixed: {
    isLossy: true,
    areClocksWrong: true,
    areDisksSlow: true,
    kinds: [
      ...crashes,
      ...cuts,
      ...(['pause', 'pause-leader', 'break-streams', 'slow-disk'] as const),
      'slow-and-cut-off-leader',
      ...(['jump-clock', 'stop-replica', 'transfer'] as const),
    ],
  },
};

export const profileNames = Object.keys(profiles);
