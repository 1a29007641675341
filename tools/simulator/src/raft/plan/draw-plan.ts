import { SimRandom } from '@dougdb/ports/sim';
import type { Config } from '@dougdb/raft-core';
import { type ActionRates, drawActions } from './actions.js';
import {
  type NetworkPlan,
  type OperationsPlan,
  type Plan,
  TICK_MS,
  TICK_US,
  type TimesPlan,
} from './plan.js';
import { type Profile, profileNames, profiles } from './profiles.js';

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
    voters: profile.fixed?.voters ?? drawVoters(random, profile),
    durationUs,
    tickUs: TICK_US,
    drift: profile.fixed?.drift ?? (profile.lease ? 0.04 : random.pick([0, 0.02, 0.1])),
    config: drawConfig(random.fork('config'), profile),
    network: drawNetwork(random.fork('network'), profile),
    times: drawTimes(random.fork('times'), profile),
    operations: drawOperations(random.fork('operations'), profile),
    actions,
    healsPartly: !profile.repair && !profile.turmoil && random.chance(0.5),
    freezes: random.chance(0.25),
    fullCheckEvery: 16,
    compactEvery: random.pick([0, 50, 400]),
  };
}

/** With a loss of promised entries a minority of the voters has to be more than nobody. */
function drawVoters(random: SimRandom, { repair }: Profile): number {
  return random.pick(repair ? [3, 3, 4, 5, 5, 7] : [1, 2, 3, 3, 3, 4, 5, 5, 5, 7]);
}

function drawRates(random: SimRandom, { kinds, turmoil, fixed }: Profile): ActionRates {
  const on = kinds.filter(() => random.chance(0.5));
  const pausesUs = turmoil ? [20_000, 50_000] : [100_000, 300_000, 1_000_000];
  const durationsUs = turmoil ? [30_000, 100_000] : [50_000, 300_000, 1_000_000];
  const meanPauseUs = random.pick(pausesUs);
  const meanDurationUs = random.pick(durationsUs);
  return {
    kinds: on,
    meanPauseUs: fixed?.meanPauseUs ?? meanPauseUs,
    meanDurationUs: fixed?.meanDurationUs ?? meanDurationUs,
  };
}

function drawConfig(random: SimRandom, profile: Profile): Partial<Config> {
  const { turmoil = false } = profile;
  const electionTick =
    profile.fixed?.config?.electionTick ?? (turmoil ? 5 : random.pick([6, 10, 16]));
  const maxSizePerMsg = turmoil ? 1 : random.pick([1, 200, 1 << 20]);
  const checkQuorum = profile.lease || random.chance(turmoil ? 0.2 : 0.85);
  const preVote = random.chance(turmoil ? 0.1 : 0.8);
  const lease = { electionTimeoutMs: electionTick * TICK_MS, tickMs: TICK_MS };
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
    tickMs: random.chance(0.5) ? TICK_MS : 0,
    repair: profile.repair ?? false,
    restartSilence: profile.lease || profile.tailLoss || random.chance(turmoil ? 0.1 : 0.85),
    ...profile.fixed?.config,
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
    ...profile.fixed?.network,
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
    ...profile.fixed?.times,
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
    ...profile.fixed?.operations,
  };
}
