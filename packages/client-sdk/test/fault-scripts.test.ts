import { SimRandom } from '@dougdb/ports/sim';
import type { DougError } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { CompareFailedError } from '../src/core.js';
import type { FakeCluster, FakeVerdict } from '../src/testing/index.js';
import { type SimClient, simClient } from './sim-client.js';

// Any script of faults against any mix of calls. What a call said must agree with what the partitions did.

interface Call {
  readonly serial: number;
  readonly kind: 'put' | 'get';
  readonly key: string;
  readonly value: string;
  /** Of a put. */
  readonly condition: { readonly ifRevision?: number; readonly ifAbsent?: boolean };
  outcome: 'open' | 'ok' | 'NOT_APPLIED' | 'UNKNOWN';
  result: { revision?: number; value?: string } | null;
  code?: string;
}

interface Script {
  readonly seed: number;
  readonly calls: number;
  /** Share of items that meet a fault. */
  readonly faults: number;
  /** What happens to nodes and partitions, and when. */
  readonly events: readonly {
    readonly atMs: number;
    readonly what: string;
    readonly node: number;
  }[];
  readonly timeoutMs: number;
  /** What the client is told of. */
  readonly endpoints: 'nodes' | 'facades' | 'both';
}

/** More of them on demand: DOUG_FAULT_RUNS=5000. */
const numRuns = Number(process.env.DOUG_FAULT_RUNS ?? 120);

const events = [
  ...['lead', 'lead nobody', 'kill', 'restart', 'freeze', 'thaw', 'break', 'split'],
  ...['kill facade', 'restart facade', 'freeze facade', 'thaw facade', 'drain facade'],
];

const facades = ['f1:4300', 'f2:4300'];

const scripts: fc.Arbitrary<Script> = fc.record({
  seed: fc.nat(),
  calls: fc.integer({ min: 5, max: 120 }),
  faults: fc.constantFrom(0, 0.05, 0.3, 0.7),
  events: fc.array(
    fc.record({
      atMs: fc.nat(3000),
      what: fc.constantFrom(...events),
      node: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 12 },
  ),
  timeoutMs: fc.constantFrom(40, 800, 20_000),
  endpoints: fc.constantFrom('nodes', 'facades', 'both'),
});

const verdicts: readonly FakeVerdict[] = [
  'serve-and-break',
  'break',
  'doubt',
  'doubt-and-serve-later',
  'serve-twice',
  'swallow',
  { refuse: 'NO_LEADER' },
  { refuse: 'NOT_LEADER' },
  { refuse: 'EPOCH_MISMATCH' },
  { refuse: 'BUSY', retryAfterMs: 15 },
  { refuse: 'DRAINING' },
  { refuse: 'STARTING' },
  { refuse: 'IN_DOUBT' },
  { refuse: 'INTERNAL' },
  { refuse: 'CORRUPT' },
];

/** Splits come at these keys, in this order. */
const splitKeys = ['k2', 'k1', 'k3'];

function happen(cluster: FakeCluster, what: string, node: number, splits: string[]): void {
  const [verb, of] = what.split(' ');
  const endpoint = of === 'facade' ? (facades[node % 2] as string) : node;
  if (verb === 'lead') {
    for (const partition of cluster.partitions) {
      partition.leaderNodeId = of === 'nobody' ? 0 : ((node + partition.id) % 3) + 1;
    }
  } else if (verb === 'kill') cluster.kill(endpoint);
  else if (verb === 'restart') cluster.restart(endpoint);
  else if (verb === 'freeze') cluster.freeze(endpoint);
  else if (verb === 'thaw') cluster.thaw(endpoint);
  else if (verb === 'drain') cluster.drain(endpoint);
  else if (verb === 'break') cluster.breakPipes();
  else {
    const key = splits.shift();
    if (key !== undefined) cluster.split(key);
  }
}

async function play(script: Script): Promise<{ calls: Call[]; sim: SimClient }> {
  const { timeoutMs, seed } = script;
  const nodes = ['n1:4400', 'n2:4400', 'n3:4400'];
  const endpoints = { nodes, facades, both: [...facades, ...nodes] }[script.endpoints];
  const sim = await simClient({ splitAt: ['k4'], facades: 2 }, { timeoutMs, endpoints }, seed);
  const { cluster, db, scheduler } = sim;
  const random = new SimRandom(`faults ${script.seed}`);
  // A node decides about all items of a message alike: the order of calls rests on that.
  let decided: { readonly message: number; readonly verdict: FakeVerdict } | null = null;
  cluster.judge = ({ message }) => {
    if (decided?.message !== message) {
      const verdict = random.chance(script.faults) ? random.pick(verdicts) : 'serve';
      decided = { message, verdict };
    }
    return decided.verdict;
  };
  const splits = [...splitKeys];
  for (const { atMs, what, node } of script.events) {
    scheduler.schedule(atMs, () => happen(cluster, what, node, splits));
  }
  scheduler.schedule(4000, () => {
    cluster.judge = () => 'serve';
    for (const endpoint of [...cluster.nodes.map(({ nodeId }) => nodeId), ...facades]) {
      cluster.restart(endpoint);
      cluster.thaw(endpoint);
    }
    for (const partition of cluster.partitions) partition.leaderNodeId ||= 1;
  });

  const calls: Call[] = [];
  const settled: Promise<void>[] = [];
  /** The newest revision of each key that an answer told. */
  const told = new Map<string, number>();
  for (let serial = 0; serial < script.calls; serial++) {
    const kind = random.chance(0.25) ? 'get' : 'put';
    const key = `k${random.int(6)}`;
    const call: Call = {
      serial,
      kind,
      key,
      value: `value ${serial}`,
      condition: kind === 'put' ? aCondition(random, told.get(key)) : {},
      outcome: 'open',
      result: null,
    };
    calls.push(call);
    const promise: Promise<Call['result']> =
      kind === 'put' ? db.put(key, call.value, call.condition) : db.get(key);
    settled.push(
      promise.then(
        (result) => {
          call.outcome = 'ok';
          call.result = result;
          if (result?.revision !== undefined) told.set(key, result.revision);
        },
        (error: DougError) => {
          call.outcome = error.outcome;
          call.code = error.code;
          if (CompareFailedError.is(error)) told.set(key, error.current?.revision ?? 0);
        },
      ),
    );
    if (random.chance(0.3)) await scheduler.advance(random.int(60));
  }
  await sim.run(Promise.all(settled));
  // Whatever is still on its way arrives.
  await scheduler.advance(5000);
  return { calls, sim };
}

/** None, the newest revision that is known, or that nothing is there. */
function aCondition(random: SimRandom, revision = 0): Call['condition'] {
  if (random.chance(0.5)) return {};
  return revision === 0 ? { ifAbsent: true } : { ifRevision: revision };
}

/** The values that took effect on a key, in order. */
function effectsOf(cluster: FakeCluster, key: string): string[] {
  const decoder = new TextDecoder();
  return cluster.applied
    .filter((applied) => decoder.decode(applied.key) === key)
    .map((applied) => decoder.decode(applied.value));
}

describe('whatever goes wrong', () => {
  it(
    'a put takes effect once if it says so, at most once if it does not know, else never (applied-once, outcome-of-all-attempts, call-order)',
    async () => {
      const seen = { ok: 0, NOT_APPLIED: 0, UNKNOWN: 0, open: 0 };
      const of = { retries: 0, compared: 0, compareFailed: 0 };
      await fc.assert(
        fc.asyncProperty(scripts, async (script) => {
          const { calls, sim } = await play(script);
          const { cluster, db, clock } = sim;
          of.retries += db.counters.retries;
          for (const call of calls) {
            seen[call.outcome]++;
            expect(call.outcome).not.toBe('open');
            if (call.kind === 'get') continue;
            const times = effectsOf(cluster, call.key).filter(
              (value) => value === call.value,
            ).length;
            if (call.outcome === 'ok') expect([call, times]).toEqual([call, 1]);
            else if (call.outcome === 'NOT_APPLIED') expect([call, times]).toEqual([call, 0]);
            else expect(times).toBeLessThan(2);
          }
          checkRevisions(calls, cluster);
          checkOrder(calls, cluster);
          checkReads(calls);
          checkConditions(calls, cluster);
          for (const { code, condition, outcome } of calls) {
            if (code === 'DOUG_COMPARE_FAILED') of.compareFailed++;
            if (outcome === 'ok' && condition.ifRevision !== undefined) of.compared++;
          }
          await db.close();
          await sim.scheduler.advance(0);
          expect(clock.pendingCount).toBe(0);
          expect(cluster.openPipes).toBe(0);
        }),
        { numRuns },
      );
      // A run in which nothing went wrong would prove nothing.
      expect(of.retries).toBeGreaterThan(100);
      expect(of.compared).toBeGreaterThan(100);
      expect(of.compareFailed).toBeGreaterThan(100);
      for (const outcome of ['ok', 'NOT_APPLIED', 'UNKNOWN'] as const) {
        expect(seen[outcome]).toBeGreaterThan(10);
      }
    },
    60_000 + numRuns * 100,
  );
});

function checkRevisions(calls: readonly Call[], cluster: FakeCluster): void {
  const decoder = new TextDecoder();
  const revisions = new Map(
    cluster.applied.map(({ value, revision }) => [decoder.decode(value), revision]),
  );
  for (const { kind, outcome, value, result } of calls) {
    if (kind === 'put' && outcome === 'ok') expect(result?.revision).toBe(revisions.get(value));
  }
}

/** Puts on one key that succeeded took effect in the order of the calls. */
function checkOrder(calls: readonly Call[], cluster: FakeCluster): void {
  const keys = new Set(calls.map(({ key }) => key));
  for (const key of keys) {
    const known = new Set(
      calls.filter((call) => call.key === key && call.outcome === 'ok').map(({ value }) => value),
    );
    const order = effectsOf(cluster, key).filter((value) => known.has(value));
    const expected = calls.filter(({ value }) => order.includes(value)).map(({ value }) => value);
    expect(order).toEqual(expected);
  }
}

/** Whatever had a condition took effect where it was met, and failed by it where it was not. */
function checkConditions(calls: readonly Call[], cluster: FakeCluster): void {
  const decoder = new TextDecoder();
  const newest = new Map<string, number>();
  for (const { key, ifRevision, ifAbsent, revision } of cluster.applied) {
    const there = newest.get(decoder.decode(key)) ?? 0;
    if (ifRevision > 0) expect(there).toBe(ifRevision);
    if (ifAbsent) expect(there).toBe(0);
    newest.set(decoder.decode(key), revision);
  }
  for (const { code, condition } of calls) {
    if (code === 'DOUG_COMPARE_FAILED') expect(condition).not.toEqual({});
  }
}

/** A get sees the last put on its key that was called before it and succeeded, and none called after it. */
function checkReads(calls: readonly Call[]): void {
  for (const get of calls) {
    if (get.kind !== 'get' || get.outcome !== 'ok') continue;
    const puts = calls.filter(({ kind, key }) => kind === 'put' && key === get.key);
    const before = puts.filter(({ serial, outcome }) => serial < get.serial && outcome === 'ok');
    const floor = before.at(-1)?.serial ?? -1;
    const read = puts.find(({ value }) => value === get.result?.value);
    if (read === undefined) {
      expect([get, floor]).toEqual([get, -1]);
      continue;
    }
    expect(read.serial).toBeLessThan(get.serial);
    // What is UNKNOWN may take effect at any later time, unless a later one has fenced it off.
    if (read.outcome === 'ok') expect([get, read.serial]).toEqual([get, floor]);
    else expect(read.outcome).toBe('UNKNOWN');
  }
}
