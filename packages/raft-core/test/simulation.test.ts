import { type Profile, Simulation, type SimulationResult } from './harness/simulation.js';

const base: Profile = {
  voters: 3,
  steps: 1000,
  drop: 0.03,
  duplicate: 0.03,
  maxDelay: 6,
  straggle: 0.01,
  crash: 0.004,
  partition: 0.006,
  transfer: 0.01,
  work: 0.5,
  config: {
    electionTick: 10,
    heartbeatTick: 2,
    maxSizePerMsg: 200,
    maxInflightMsgs: 3,
    snapshotTimeoutTick: 60,
  },
};

interface NamedProfile extends Profile {
  readonly share?: number;
  /** What has to happen besides. */
  readonly counts?: readonly (keyof SimulationResult['counts'])[];
}

const profiles: Record<string, NamedProfile> = {
  'three voters': base,
  'five voters': { ...base, voters: 5 },
  'three voters, slow disks and much loss': { ...base, drop: 0.15, work: 0.2, maxDelay: 15 },
  'five voters, many crashes': { ...base, voters: 5, crash: 0.02, partition: 0.002 },
  // Figure 8 of the paper needs entries of old terms that travel alone, and many leaders: it is rare.
  'five voters, tiny messages and many leaders': {
    ...base,
    share: 2,
    voters: 5,
    crash: 0.02,
    partition: 0.03,
    maxDelay: 2,
    work: 0.7,
    config: {
      electionTick: 5,
      heartbeatTick: 1,
      maxSizePerMsg: 1,
      preVote: false,
      checkQuorum: false,
      restartSilence: false,
    },
  },
  'changing members, snapshots': {
    ...base,
    spares: 4,
    confChange: 0.03,
    compact: 0.01,
    counts: ['confChanges', 'jointConfs', 'installs', 'ownSnapshots'],
  },
  'changing members, tiny messages': {
    ...base,
    spares: 3,
    confChange: 0.05,
    compact: 0.02,
    crash: 0.01,
    partition: 0.02,
    config: { ...base.config, maxSizePerMsg: 1, electionTick: 6, heartbeatTick: 1 },
  },
  'damaged entries': {
    ...base,
    damage: 0.01,
    compact: 0.005,
    config: { ...base.config, repair: true },
    counts: ['repairs'],
  },
  // Where the others need the vote of the damaged one, entries are denied.
  'damaged entries, four voters': {
    ...base,
    voters: 4,
    damage: 0.02,
    crash: 0.015,
    partition: 0.02,
    config: { ...base.config, repair: true },
    counts: ['repairs'],
  },
  'lost ends of logs': {
    ...base,
    crash: 0.01,
    loseTail: 0.6,
    config: { ...base.config, repair: true },
    counts: ['recovered'],
  },
  'everything at once': {
    ...base,
    spares: 3,
    confChange: 0.02,
    compact: 0.01,
    damage: 0.005,
    crash: 0.008,
    config: {
      ...base.config,
      repair: true,
      maxSizePerMsg: 60,
    },
    counts: ['confChanges', 'installs', 'repairs'],
  },
  'lease reads': {
    ...base,
    spares: 2,
    confChange: 0.01,
    compact: 0.01,
    leaseRead: 0.3,
    straggle: 0.05,
    config: { ...base.config, lease: { electionTimeoutMs: 20, tickMs: 2 } },
    counts: ['leaseReads', 'confChanges'],
  },
  'three voters without pre-vote and check-quorum': {
    ...base,
    config: { ...base.config, preVote: false, checkQuorum: false },
  },
};

/** Of each profile; RAFT_SIM_SEEDS asks for more, RAFT_SIM_FIRST for others. */
const SEEDS = Number(process.env.RAFT_SIM_SEEDS ?? 16);
const FIRST = Number(process.env.RAFT_SIM_FIRST ?? 1);

function run(seed: number, profile: Profile, isTraced = false): SimulationResult {
  try {
    return new Simulation(seed, profile, { isTraced }).run();
  } catch (cause) {
    throw new Error(`seed ${seed}: ${String(cause)}`, { cause });
  }
}

describe('simulated groups keep what Raft promises', () => {
  it.each(Object.keys(profiles))('%s', (name) => {
    const profile: NamedProfile = profiles[name] ?? base;
    const seeds = SEEDS * (profiles[name]?.share ?? 1);
    const sums: Record<string, number> = {};
    for (let seed = FIRST; seed < FIRST + seeds; seed++) {
      const { counts } = run(seed, profile);
      for (const [key, n] of Object.entries(counts)) sums[key] = (sums[key] ?? 0) + n;
    }
    // A quiet run tests nothing: the faults happened, and work went on between them.
    for (const key of [
      'elections',
      'crashes',
      'partitions',
      'truncations',
      'reads',
      'proposalDrops',
      ...(profile.counts ?? []),
    ]) {
      expect([key, (sums[key] ?? 0) > seeds / 10]).toEqual([key, true]);
    }
    expect(sums.committed).toBeGreaterThan(seeds * 20);
  });

  it.each([1, 2, 4, 7])('groups of %i voters', (voters) => {
    let committed = 0;
    for (let seed = 1; seed <= 20; seed++) {
      committed += run(seed, { ...base, voters }).counts.committed;
    }
    expect(committed).toBeGreaterThan(20 * 20);
  });

  it('has the same trace for the same seed', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const first = run(seed, base, true).trace;
      expect(first.length).toBeGreaterThan(500);
      expect(run(seed, base, true).trace).toEqual(first);
    }
    expect(run(1, base, true).trace).not.toEqual(run(2, base, true).trace);
  });
});
