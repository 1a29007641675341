import type { ActionKind } from './actions.js';
import type { ClocksPlan, NetworkPlan } from './plan.js';

/** What goes wrong in runs of one kind. */
export interface Profile {
  readonly kinds: readonly ActionKind[];
  /** Messages and calls are lost, connections break. */
  readonly isLossy?: boolean;
  /** Wall clocks an hour apart that jump, monotonic ones that run too fast or too slow. */
  readonly areClocksWrong?: boolean;
  /** Disks that take their time. */
  readonly areDisksSlow?: boolean;
  readonly fixed?: {
    readonly network?: Partial<NetworkPlan>;
    readonly clocks?: Partial<ClocksPlan>;
    readonly meanPauseMs?: number;
    readonly meanDurationMs?: number;
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
    fixed: { meanPauseMs: 300, meanDurationMs: 400 },
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
    fixed: { meanPauseMs: 200, meanDurationMs: 150 },
  },
  mixed: {
    isLossy: true,
    areClocksWrong: true,
    areDisksSlow: true,
    kinds: [
      ...crashes,
      ...cuts,
      ...(['pause', 'pause-leader', 'break-streams', 'slow-disk'] as const),
      ...(['jump-clock', 'stop-replica', 'transfer'] as const),
    ],
  },
};

export const profileNames = Object.keys(profiles);
