import { SimRandom } from '@dougdb/ports/sim';
import type { Config } from '@dougdb/raft-core';
import { type Action, type ActionKind, type ActionRates, drawActions } from './actions.js';

/** What messages suffer between any two replicas. */
export interface NetworkPlan {
  readonly minUs: number;
  readonly meanExtraUs: number;
  readonly loss: number;
  readonly duplicate: number;
  /** Of duplicates: to come again seconds later. */
  readonly replay: number;
  readonly straggle: number;
  /** Messages on their way from one replica to another; more are lost. */
  readonly capacity: number;
  readonly snapshotUs: number;
  readonly snapshotBreaks: number;
}

/** How long things take. 0: they happen at once. */
export interface TimesPlan {
  /** A host's turn comes so much later at most. */
  readonly turnUs: number;
  readonly hardStateUs: number;
  readonly appendUs: number;
  readonly applyUs: number;
  /** A tick is so much late at most. */
  readonly tickLateUs: number;
}

export interface OperationsPlan {
  readonly perSecond: number;
  readonly reads: number;
  readonly leaseReads: number;
  readonly batch: number;
  readonly sizeBytes: number;
  /** Of operations: to whoever leads; the others go to anybody. */
  readonly toLeader: number;
}

/** A run, but for what the streams of its seed bring: profile, switches and actions. */
export interface Plan {
  readonly seed: string;
  readonly profile: string;
  readonly voters: number;
  readonly durationUs: number;
  readonly tickUs: number;
  /** Clocks run up to so much too fast or too slow. */
  readonly drift: number;
  readonly config: Partial<Config>;
  readonly network: NetworkPlan;
  readonly times: TimesPlan;
  readonly operations: OperationsPlan;
  readonly actions: readonly Action[];
  /** At the end a part of the group stays down. */
  readonly healsPartly: boolean;
  /** Of events between two looks at all logs. */
  readonly fullCheckEvery: number;
  /** Size at which a replica flushes and compacts by itself; 0: never. */
  readonly compactEvery: number;
}

interface Profile {
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
      'crash',
      'crash',
      'isolate',
      'split',
      'one-way',
      'filter',
      'campaign',
      'campaign',
      'transfer',
      'any-change',
      'replace',
      'promote',
    ],
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

const TICK_US = 10_000;

/** Draws a run from its seed. Each kind of fault is off with probability one half (swarm testing). */
export function drawPlan(seed: string, profileName: string, seconds = 20): Plan {
  const profile = profiles[profileName];
  if (profile === undefined)
    throw new RangeError(`no profile ${profileName}; ${profileNames.join()}`);
  const random = new SimRandom(seed).fork(`plan-${profileName}`);
  const durationUs = seconds * 1_000_000;
  const actions = drawActions(random.fork('actions'), durationUs, drawRates(random, profile));
  return {
    seed,
    profile: profileName,
    voters: random.pick([3, 3, 4, 5, 5, 7]),
    durationUs,
    tickUs: TICK_US,
    drift: profile.lease ? 0.04 : random.pick([0, 0.02, 0.1]),
    config: drawConfig(random.fork('config'), profile),
    network: drawNetwork(random.fork('network'), profile),
    times: drawTimes(random.fork('times'), profile),
    operations: drawOperations(random.fork('operations'), profile),
    actions,
    healsPartly: !profile.repair && !profile.turmoil && random.chance(0.5),
    fullCheckEvery: 16,
    compactEvery: random.pick([0, 50, 400]),
  };
}

function drawRates(random: SimRandom, { kinds, turmoil }: Profile): ActionRates {
  const on = kinds.filter(() => random.chance(0.5));
  const pausesUs = turmoil ? [20_000, 50_000] : [100_000, 300_000, 1_000_000];
  return {
    kinds: on,
    meanPauseUs: random.pick(pausesUs),
    meanDurationUs: random.pick(turmoil ? [30_000, 100_000] : [50_000, 300_000, 1_000_000]),
  };
}

function drawConfig(random: SimRandom, profile: Profile): Partial<Config> {
  const { turmoil = false } = profile;
  const electionTick = turmoil ? 5 : random.pick([6, 10, 16]);
  const maxSizePerMsg = turmoil ? 1 : random.pick([1, 200, 1 << 20]);
  const checkQuorum = profile.lease || random.chance(turmoil ? 0.2 : 0.85);
  const preVote = random.chance(turmoil ? 0.1 : 0.8);
  const lease = { electionTimeoutMs: (electionTick * TICK_US) / 1000, tickMs: TICK_US / 1000 };
  return {
    electionTick,
    heartbeatTick: turmoil ? 1 : random.pick([1, 2, 5]),
    maxSizePerMsg,
    checkQuorum,
    preVote,
    maxInflightMsgs: random.pick([1, 3, 16]),
    maxInflightBytes: random.pick([300, 4 << 20]),
    maxUncommittedBytes: profile.overload ? 4096 : random.pick([16_384, 64 << 20]),
    maxApplyingBytes: random.pick([200, 16 << 20]),
    maxPendingReads: profile.overload ? 16 : 4096,
    snapshotTimeoutTick: random.pick([60, 300]),
    appendTimeoutTick: random.pick([40, 500]),
    stepDownOnRemoval: random.chance(0.9),
    lease: profile.lease ? lease : null,
    tickMs: random.chance(0.5) ? TICK_US / 1000 : 0,
    repair: profile.repair ?? false,
    restartSilence: profile.lease || profile.tailLoss || random.chance(turmoil ? 0.1 : 0.85),
  };
}

function drawNetwork(random: SimRandom, profile: Profile): NetworkPlan {
  const faulty = (rates: readonly number[]): number =>
    profile.net && random.chance(0.5) ? random.pick(rates) : 0;
  return {
    minUs: random.pick([100, 500, 2000]),
    meanExtraUs: random.pick([100, 1000, 5000]),
    loss: faulty([0.01, 0.05, 0.3]),
    duplicate: faulty([0.02, 0.1, 0.5]),
    replay: faulty([0.01, 0.1]),
    straggle: faulty([0.005, 0.05]),
    capacity: profile.overload ? 32 : random.pick([32, 512]),
    snapshotUs: random.pick([2000, 50_000, 300_000]),
    snapshotBreaks: faulty([0.2, 0.5]),
  };
}

function drawTimes(random: SimRandom, profile: Profile): TimesPlan {
  const slow = (times: readonly number[]): number =>
    profile.disk && random.chance(0.7) ? random.pick(times) : 0;
  return {
    turnUs: slow([100, 1000, 10_000]),
    hardStateUs: slow([300, 5000]),
    appendUs: profile.disk ? random.pick([200, 1000, 10_000]) : 500,
    applyUs: slow([500, 20_000]),
    tickLateUs: slow([1000, 5000]),
  };
}

function drawOperations(random: SimRandom, profile: Profile): OperationsPlan {
  return {
    perSecond: profile.overload ? 500 : random.pick([5, 20, 100]),
    reads: random.pick([0.1, 0.5]),
    leaseReads: profile.lease ? 0.5 : 0,
    batch: random.pick([1, 1, 5]),
    sizeBytes: random.pick([4, 30, 200]),
    toLeader: random.pick([0.5, 0.9]),
  };
}

/** The workload by which speed is told: 5 replicas, 20 client operations a second, default times. */
export function namedWorkload(seed: string, seconds: number): Plan {
  return {
    ...drawPlan(seed, 'calm', seconds),
    profile: 'named-workload',
    voters: 5,
    drift: 0.02,
    config: {},
    network: {
      ...{ minUs: 200, meanExtraUs: 300, loss: 0, duplicate: 0, replay: 0, straggle: 0 },
      ...{ capacity: 512, snapshotUs: 50_000, snapshotBreaks: 0 },
    },
    times: { turnUs: 0, hardStateUs: 0, appendUs: 500, applyUs: 0, tickLateUs: 0 },
    operations: {
      ...{ perSecond: 20, reads: 0.5, leaseReads: 0, batch: 1, sizeBytes: 30, toLeader: 0.8 },
    },
    actions: [],
    healsPartly: false,
    compactEvery: 400,
  };
}
