import type { Config } from '@dougdb/raft-core';
import type { ActionKind } from './actions.js';
import type { NetworkPlan, OperationsPlan, TimesPlan } from './plan.js';

/** What goes wrong in runs of one kind. */
export interface Profile {
  readonly net: boolean;
  readonly disk: boolean;
  readonly churn: boolean;
  readonly lease?: boolean;
  readonly repair?: boolean;
  readonly tailLoss?: boolean;
  readonly overload?: boolean;
  /** Many leaders, entries that travel alone, and nothing that holds a candidate back. */
  readonly turmoil?: boolean;
  readonly kinds: readonly ActionKind[];
  /** What is not drawn. */
  readonly fixed?: {
    readonly config?: Partial<Config>;
    readonly network?: Partial<NetworkPlan>;
    readonly times?: Partial<TimesPlan>;
    readonly operations?: Partial<OperationsPlan>;
    readonly voters?: number;
    readonly drift?: number;
    readonly meanPauseUs?: number;
    readonly meanDurationUs?: number;
  };
}

const crashes = ['crash', 'crash-loop', 'kill-all', 'pause'] as const;
const cuts = ['isolate', 'one-way', 'bridge', 'split', 'ring', 'clog', 'filter'] as const;
const disks = ['slow-disk', 'stalled-disk', 'compact', 'request-snapshot'] as const;
const wishes = ['transfer', 'forget-leader', 'campaign'] as const;
const changes = [
  ...(['add-learner', 'add-voter', 'promote', 'demote', 'remove', 'remove-leader'] as const),
  ...(['replace', 'any-change', 'leave-joint'] as const),
];

export const profiles: Readonly<Record<string, Profile>> = {
  calm: { net: false, disk: false, churn: false, kinds: ['transfer', 'compact'] },
  net: { net: true, disk: false, churn: false, kinds: [...cuts, ...wishes, 'crash', 'compact'] },
  disk: { net: false, disk: true, churn: false, kinds: [...crashes, ...disks, 'transfer'] },
  churn: {
    net: true,
    disk: true,
    churn: true,
    kinds: [...changes, ...changes, 'crash', 'isolate', 'split', 'compact', 'transfer'],
  },
  overload: {
    net: true,
    disk: true,
    churn: false,
    overload: true,
    kinds: ['clog', 'slow-disk', 'crash', 'isolate', 'compact'],
  },
  lease: {
    net: true,
    disk: true,
    churn: true,
    lease: true,
    kinds: [...crashes, ...cuts, 'transfer', 'campaign', 'add-voter', 'remove', 'compact'],
  },
  damage: {
    net: true,
    disk: true,
    churn: true,
    repair: true,
    kinds: [...crashes, ...cuts, ...disks, 'entry-damaged', 'entry-damaged', 'transfer', 'replace'],
  },
  'lying-disk': {
    net: true,
    disk: true,
    churn: false,
    repair: true,
    tailLoss: true,
    kinds: [...crashes, 'tail-lost', 'tail-lost', 'isolate', 'split', 'transfer', 'compact'],
  },
  turmoil: {
    net: true,
    disk: true,
    churn: true,
    turmoil: true,
    kinds: [
      ...(['crash', 'crash', 'isolate', 'split', 'one-way', 'filter'] as const),
      ...(['campaign', 'campaign', 'transfer', 'any-change', 'replace', 'promote'] as const),
    ],
  },
  /** Reads at leaders that have not committed anything yet, and at those that are followed no more. */
  'early-reads': {
    net: true,
    disk: true,
    churn: false,
    kinds: ['transfer', 'transfer', 'campaign', 'isolate', 'one-way', 'crash', 'filter'],
    fixed: {
      config: { electionTick: 5, heartbeatTick: 1, preVote: false, maxSizePerMsg: 1 << 20 },
      network: { minUs: 2000, meanExtraUs: 2000, straggle: 0.1, capacity: 512 },
      times: { appendUs: 4000, turnUs: 0, applyUs: 0 },
      operations: { perSecond: 500, reads: 0.8, batch: 1, toLeader: 0.5 },
      meanPauseUs: 120_000,
      meanDurationUs: 100_000,
    },
  },
  /** Lease reads all the time, at leaders whose followers are cut off or follow another one already. */
  'lease-race': {
    net: true,
    disk: true,
    churn: false,
    lease: true,
    kinds: ['isolate', 'isolate', 'one-way', 'split', 'transfer', 'campaign', 'crash', 'pause'],
    fixed: {
      config: { heartbeatTick: 1, maxSizePerMsg: 1 << 20 },
      network: { minUs: 500, meanExtraUs: 1000, straggle: 0.2, capacity: 512 },
      times: { appendUs: 500, turnUs: 0, applyUs: 0, hardStateUs: 0 },
      operations: { perSecond: 400, reads: 0.8, leaseReads: 1, batch: 1, toLeader: 0.3 },
      meanPauseUs: 200_000,
      meanDurationUs: 250_000,
    },
  },
  /**
   * Clocks as far apart as a lease allows, and somebody who wants to lead the moment that promises to another
   * one are over.
   */
  'lease-edge': {
    net: false,
    disk: false,
    churn: false,
    lease: true,
    kinds: ['isolate', 'isolate', ...new Array<'campaign'>(320).fill('campaign')],
    fixed: {
      voters: 3,
      drift: 0.045,
      config: { electionTick: 16, heartbeatTick: 1, preVote: false, checkQuorum: true, tickMs: 0 },
      network: { minUs: 100, meanExtraUs: 100, capacity: 512 },
      times: { appendUs: 200 },
      operations: { perSecond: 1000, reads: 0.7, leaseReads: 1, batch: 1, toLeader: 0.3 },
      meanPauseUs: 2000,
      meanDurationUs: 500_000,
    },
  },
  /** State machines that lag behind what is committed, changes of the members among it. */
  'late-apply': {
    net: true,
    disk: true,
    churn: true,
    kinds: [...changes, 'transfer', 'campaign', 'crash', 'isolate', 'split'],
    fixed: {
      config: { electionTick: 5, heartbeatTick: 1, maxApplyingBytes: 200, restartSilence: false },
      times: { applyUs: 60_000, hardStateUs: 0 },
      // What cannot be applied in the time of a run is not applied in the time to heal.
      operations: { perSecond: 20, batch: 1 },
      meanPauseUs: 60_000,
      meanDurationUs: 100_000,
    },
  },
  all: {
    net: true,
    disk: true,
    churn: true,
    repair: true,
    kinds: [...crashes, ...cuts, ...disks, ...wishes, ...changes, 'entry-damaged'],
  },
};

export const profileNames = Object.keys(profiles);
