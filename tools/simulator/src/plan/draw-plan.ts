import { SimRandom } from '@dougdb/ports/sim';
import { type ClientKindName, clientKindNames } from '../clients/kinds.js';
import { drawActions } from './actions.js';
import type { ClocksPlan, NetworkPlan, Plan, RoomPlan } from './plan.js';
import { type Profile, profileNames, profiles } from './profiles.js';

const HOUR_MS = 3_600_000;

/** Draws a run from its seed. Each kind of fault and of client is off with probability one half (swarm testing). */
export function drawPlan(seed: string, profileName: string, seconds = 5): Plan {
  const profile = profiles[profileName];
  if (profile === undefined) {
    throw new RangeError(`no profile ${profileName}; ${profileNames.join()}`);
  }
  const random = new SimRandom(seed).fork(`plan-${profileName}`);
  const durationMs = seconds * 1_000;
  const kinds = profile.kinds.filter(() => random.chance(0.5));
  const drawnPauseMs = random.pick([200, 500, 1_500]);
  const drawnMs = random.pick([50, 300, 1_000]);
  const { meanFaultPauseMs = drawnPauseMs, meanFaultMs = drawnMs, ...fixed } = profile.fixed ?? {};
  return {
    seed,
    profile: profileName,
    members: random.pick([1, 3, 3, 3, 5, 5]),
    partitions: random.pick([1, 2, 4]),
    durationMs,
    clients: drawClients(random.fork('clients')),
    meanPauseMs: random.pick([10, 50, 150]),
    callTimeoutMs: random.pick([200, 1_000, 5_000]),
    network: drawNetwork(random.fork('network'), profile),
    syncDelayMs: profile.areDisksSlow
      ? random.pick([[0.5, 10] as const, [5, 50] as const])
      : [0.5, 0.5],
    clocks: drawClocks(random.fork('clocks'), profile),
    room: drawRoom(random.fork('room')),
    leaseReads: random.chance(0.7),
    keepUnsyncedPercent: random.pick([0, 10, 50, 100]),
    actions: drawActions(random.fork('actions'), durationMs, {
      kinds: kinds.length === 0 ? profile.kinds : kinds,
      meanPauseMs: meanFaultPauseMs,
      meanDurationMs: meanFaultMs,
    }),
    ...fixed,
  };
}

function drawClients(random: SimRandom): ClientKindName[] {
  const others = clientKindNames.filter((name) => name !== 'registers');
  const clients: ClientKindName[] = ['registers'];
  for (const name of others) if (random.chance(0.5)) clients.push(name);
  // Two of a kind meet on the same keys.
  for (const name of [...clients]) if (random.chance(0.3)) clients.push(name);
  return clients;
}

function drawNetwork(random: SimRandom, { isLossy = false }: Profile): NetworkPlan {
  const faulty = (rates: readonly number[]): number =>
    isLossy && random.chance(0.6) ? random.pick(rates) : 0;
  return {
    minDelayMs: random.pick([0.1, 0.1, 1]),
    meanExtraDelayMs: random.pick([0.1, 0.4, 2]),
    peerLoss: faulty([0.005, 0.05, 0.2]),
    breaks: faulty([0.0005, 0.005]),
    callLoss: faulty([0.01, 0.1, 0.3]),
  };
}

function drawClocks(random: SimRandom, { areClocksWrong = false }: Profile): ClocksPlan {
  const spreadMs = random.pick([0, 1_000, 20_000]);
  return areClocksWrong
    ? { spreadMs: 2 * HOUR_MS, startJumpMs: HOUR_MS, drift: 0.04, jumpMs: HOUR_MS }
    : { spreadMs, startJumpMs: 10_000, drift: random.pick([0, 0.01]), jumpMs: 10_000 };
}

function drawRoom(random: SimRandom): RoomPlan {
  return {
    memtableBytes: random.pick([2 << 10, 8 << 10]),
    memtableBudgetBytes: random.pick([96 << 10, 256 << 10, 1 << 20]),
    blockCacheBytes: random.pick([0, 4 << 10, 1 << 20]),
    freezeLogEntries: random.pick([20, 40, 400]),
    historyMs: random.pick([300, 2_000, 600_000]),
    ringBytes: random.pick([1 << 10, 16 << 20]),
    windowEvents: random.pick([8, 65_536]),
  };
}
