import type { MemberSettings } from '@dougdb/member';
import type { ReplicaSettings } from '@dougdb/replica';
import type { ClientKindName } from '../clients/kinds.js';
import type { Action } from './actions.js';

export interface NetworkPlan {
  /** One-way delay: this much at least ... */
  readonly minDelayMs: number;
  /** ... and exponentially distributed beyond it with this mean. */
  readonly meanExtraDelayMs: number;
  /** Of messages between members. */
  readonly peerLoss: number;
  /** Of messages of any stream: the connection breaks. */
  readonly breaks: number;
  /** Of calls: request or answer is lost. */
  readonly callLoss: number;
}

export interface ClocksPlan {
  /** Wall clocks differ by so much at first, at most. */
  readonly spreadMs: number;
  /** A machine that starts again has another wall clock, by so much at most. */
  readonly startJumpMs: number;
  /** Monotonic clocks run up to so much too fast or too slow. */
  readonly drift: number;
  /** What a clock jumps by, either way, at most. */
  readonly jumpMs: number;
}

/** Room for memtables, blocks and log: where it is short, replicas freeze, flush and wait for disks. */
export type RoomPlan = Pick<
  MemberSettings,
  'memtableBytes' | 'memtableBudgetBytes' | 'blockCacheBytes'
> &
  Pick<ReplicaSettings, 'freezeLogEntries' | 'historyMs'> &
  Pick<ReplicaSettings['watch'], 'ringBytes' | 'windowEvents'>;

/** A run, but for what the streams of its seed bring. */
export interface Plan {
  readonly seed: string;
  readonly profile: string;
  readonly members: number;
  /** Of users' data; the meta group comes on top. */
  readonly partitions: number;
  /** Of work under faults, before everything heals. */
  readonly durationMs: number;
  /** One client each. */
  readonly clients: readonly ClientKindName[];
  /** Mean pause of a client between two operations. */
  readonly meanPauseMs: number;
  /** Longest that a call of a client may take. */
  readonly callTimeoutMs: number;
  readonly network: NetworkPlan;
  readonly syncDelayMs: readonly [leastMs: number, mostMs: number];
  readonly clocks: ClocksPlan;
  readonly room: RoomPlan;
  /** What of the unsynced data survives a crash. */
  readonly keepUnsyncedPercent: number;
  /** Leaders have leases to read by. */
  readonly leaseReads: boolean;
  readonly actions: readonly Action[];
}

/** Nothing goes wrong: 5 members, 20 client operations a second, default times. */
export function plainPlan(seed: string, durationMs: number): Plan {
  return {
    seed,
    profile: 'plain',
    members: 5,
    partitions: 1,
    durationMs,
    clients: ['registers', 'registers', 'registers', 'registers'],
    meanPauseMs: 200,
    callTimeoutMs: 5_000,
    network: { minDelayMs: 0.1, meanExtraDelayMs: 0.4, peerLoss: 0, breaks: 0, callLoss: 0 },
    syncDelayMs: [0.5, 0.5],
    clocks: { spreadMs: 1_000, startJumpMs: 0, drift: 0, jumpMs: 0 },
    room: {
      memtableBytes: 64 << 10,
      memtableBudgetBytes: 4 << 20,
      blockCacheBytes: 1 << 20,
      freezeLogEntries: 1_000,
      historyMs: 600_000,
      ringBytes: 16 << 20,
      windowEvents: 65_536,
    },
    keepUnsyncedPercent: 50,
    leaseReads: false,
    actions: [],
  };
}

/** The workload by which speed is told. */
export function namedWorkload(seed: string, seconds: number): Plan {
  return { ...plainPlan(seed, seconds * 1_000), profile: 'named-workload' };
}
