import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DescribeResponse, EndpointKind, ReplicaRole, type RouteHint } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { defaultBackoff } from '../backoff.js';
import { compareKeys, isBelowEnd } from '../key-range.js';
import type { NodeTransport } from '../transport.js';
import { PartitionMap } from './partition-map.js';
import { Router } from './router.js';
import { SoughtKeys } from './sought-keys.js';

// A cluster whose nodes know the truth, and a map that knows anything at all.

interface Partition {
  readonly id: number;
  /** First and behind the last of the keys 0 to 255. */
  readonly from: number;
  readonly to: number;
  readonly version: number;
  readonly leader: number;
}

const nodes = [1, 2, 3];
const addresses = nodes.map((nodeId) => ({
  nodeId,
  uuid: new Uint8Array(16),
  address: `n${nodeId}:1`,
}));
const bound = (at: number): Uint8Array =>
  at === 0 || at === 256 ? new Uint8Array() : Uint8Array.of(at);

function hintOf({ id, from, to, version, leader }: Partition): RouteHint {
  return {
    partition: {
      partitionId: id,
      keyspace: 1,
      start: bound(from),
      end: bound(to),
      epoch: { version, conf: 1 },
      replicas: nodes.map((nodeId) => ({
        replicaId: id * 10 + nodeId,
        nodeId,
        role: ReplicaRole.REPLICA_ROLE_VOTER,
      })),
    },
    leaderNodeId: leader,
    nodes: addresses,
    logTime: 0,
  };
}

const truthful = fc
  .record({
    cuts: fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { maxLength: 6 }),
    versions: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 7, maxLength: 7 }),
    leaders: fc.array(fc.constantFrom(...nodes), { minLength: 7, maxLength: 7 }),
  })
  .map(({ cuts, versions, leaders }): Partition[] => {
    const bounds = [0, ...cuts.sort((a, b) => a - b), 256];
    return bounds.slice(1).map((to, i) => ({
      id: i + 2,
      from: bounds[i]!,
      to,
      version: versions[i]!,
      leader: leaders[i]!,
    }));
  });

/** Wrong in any way: ids that exist or not, epochs above and below, leaders that are none. */
const forged = fc.array(
  fc
    .record({
      id: fc.integer({ min: 2, max: 12 }),
      from: fc.integer({ min: 0, max: 255 }),
      width: fc.integer({ min: 1, max: 256 }),
      version: fc.integer({ min: 0, max: 1_000 }),
      leader: fc.constantFrom(0, 1, 2, 3, 99),
    })
    .map(({ width, ...rest }) => ({ ...rest, to: Math.min(256, rest.from + width) })),
  { maxLength: 12 },
);

/** What a node says to a request that names a partition and an epoch; null: it serves. */
function refusal(
  truth: readonly Partition[],
  asked: { readonly partitionId: number; readonly epochVersion: number },
  nodeId: number,
  key: number,
): { readonly isEpoch: boolean; readonly hint: RouteHint | null } | null {
  const partition = truth.find(({ id }) => id === asked.partitionId);
  const holder = truth.find(({ from, to }) => from <= key && key < to)!;
  if (partition === undefined) return { isEpoch: true, hint: hintOf(holder) };
  if (partition.leader !== nodeId) return { isEpoch: false, hint: hintOf(partition) };
  const isRight = asked.epochVersion === 0 || asked.epochVersion === partition.version;
  if (isRight && partition === holder) return null;
  return { isEpoch: true, hint: hintOf(partition) };
}

/** Sends one request until it is served. @returns how often it was refused, or nobody could be asked */
function settle(map: PartitionMap, truth: readonly Partition[], key: number): number {
  const bytes = Uint8Array.of(key);
  for (let troubles = 0; ; troubles++) {
    if (troubles > 100) throw new Error(`key ${key} goes round in circles`);
    const route = map.lookup(bytes);
    if (route === null || map.leaderAddress(route) === undefined) {
      // Any node describes what it knows.
      for (const partition of truth) map.installFor(bytes, hintOf(partition));
      continue;
    }
    const { partitionId, epochVersion, leaderNodeId } = route;
    const refused = refusal(truth, route, leaderNodeId, key);
    if (refused === null) return troubles;
    if (refused.isEpoch) map.forgetEpoch(partitionId, epochVersion);
    else map.forgetLeader(partitionId, leaderNodeId);
    if (refused.hint !== null) map.installFor(bytes, refused.hint);
  }
}

function forge(entries: readonly Partition[]): PartitionMap {
  const map = new PartitionMap();
  for (const node of addresses) map.installNode(node);
  for (const entry of entries) map.install(hintOf(entry));
  return map;
}

describe('repair of a map', () => {
  it('leads from any state to the true one, after a bounded number of refusals', () => {
    fc.assert(
      fc.property(truthful, forged, (truth, wrong) => {
        const map = forge(wrong);
        const entries = map.routes.length;
        let troubles = 0;
        for (let key = 0; key < 256; key += 3) troubles += settle(map, truth, key);
        // One for each wrong entry's epoch, one for its leader, one for what was missing.
        expect(troubles).toBeLessThanOrEqual(2 * entries + 2 * truth.length);
        // And from then on everything is where it is, forgeries with epoch 0 (not checked) aside.
        for (let key = 0; key < 256; key += 3) {
          expect(settle(map, truth, key)).toBe(0);
          const holder = truth.find(({ from, to }) => from <= key && key < to)!;
          const route = map.lookup(Uint8Array.of(key))!;
          expect(route.partitionId).toBe(holder.id);
          expect(route.leaderNodeId).toBe(holder.leader);
          expect([0, holder.version]).toContain(route.epochVersion);
        }
      }),
    );
  });

  it('never leaves two entries for one key', () => {
    fc.assert(
      fc.property(truthful, forged, fc.integer({ min: 0, max: 255 }), (truth, wrong, key) => {
        const map = forge(wrong);
        settle(map, truth, key);
        for (let i = 1; i < map.routes.length; i++) {
          const [left, right] = [map.routes[i - 1]!, map.routes[i]!];
          expect(left.end.length).toBeGreaterThan(0);
          expect(compareKeys(left.end, right.start)).toBeLessThanOrEqual(0);
        }
        expect(new Set(map.routes.map((route) => route.partitionId)).size).toBe(map.routes.length);
        for (const route of map.routes) expect(map.byId(route.partitionId)).toBe(route);
      }),
    );
  });

  const whole: Partition = { id: 2, from: 0, to: 256, version: 1, leader: 1 };

  it('ends an entry with an epoch that never was', () => {
    const map = forge([{ ...whole, version: 999 }]);
    expect(map.install(hintOf(whole)).descriptor).toBe(false);
    expect(map.forgetEpoch(2, 999)).toBe(true);
    expect(map.install(hintOf(whole))).toMatchObject({ descriptor: true, leader: true });
  });

  it('keeps what was learned while the refused request was on its way', () => {
    const map = forge([{ ...whole, version: 2 }]);
    expect(map.forgetEpoch(2, 1)).toBe(false);
    expect(map.forgetEpoch(3, 2)).toBe(false);
    // A late word of a node that lags behind.
    map.installFor(Uint8Array.of(5), hintOf(whole));
    expect(map.byId(2)?.epochVersion).toBe(2);
  });

  it('lets no word in for a key that it is not about', () => {
    const map = forge([{ ...whole, from: 128, version: 9 }]);
    const left = { ...whole, id: 3, to: 200, version: 1 };
    expect(map.installFor(Uint8Array.of(250), hintOf(left)).descriptor).toBe(false);
    expect(map.lookup(Uint8Array.of(5))).toBeNull();
    expect(map.installFor(Uint8Array.of(5), hintOf(left)).descriptor).toBe(true);
    expect(isBelowEnd(Uint8Array.of(150), map.lookup(Uint8Array.of(5))!.end)).toBe(true);
  });

  it('takes a lagging word about the leader rather than none', () => {
    const map = forge([{ ...whole, version: 5, leader: 0 }]);
    expect(map.install(hintOf({ ...whole, version: 1, leader: 3 }))).toMatchObject({
      descriptor: false,
      leader: true,
    });
    expect(map.install(hintOf({ ...whole, version: 1, leader: 2 })).leader).toBe(false);
    expect(map.byId(2)).toMatchObject({ epochVersion: 5, leaderNodeId: 3 });
  });

  it('takes no word about another keyspace, and none that makes no sense', () => {
    const map = new PartitionMap();
    const meta = hintOf(whole);
    expect(
      map.installFor(Uint8Array.of(5), {
        ...meta,
        partition: { ...meta.partition!, keyspace: 0 },
      }).descriptor,
    ).toBe(false);
    expect(map.installFor(Uint8Array.of(5), hintOf({ ...whole, id: 0 })).descriptor).toBe(false);
    expect(map.routes).toEqual([]);
  });
});

describe('a key that nobody can be asked for', () => {
  const wrong: Partition = { id: 9, from: 64, to: 192, version: 900, leader: 99 };
  const left: Partition = { id: 2, from: 0, to: 128, version: 1, leader: 1 };
  const right: Partition = { id: 3, from: 128, to: 256, version: 1, leader: 2 };
  const low = Uint8Array.of(5);
  const high = Uint8Array.of(250);

  /** A router whose nodes answer one after the other, each by what it knows. */
  function setup(entries: readonly Partition[], answers: readonly (readonly Partition[])[]) {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const endpoints = addresses.slice(0, answers.length).map(({ address }) => address);
    const unary = (address: string): Promise<Uint8Array> => {
      const at = endpoints.indexOf(address);
      const described = DescribeResponse.encode({
        clusterId: new Uint8Array(16).fill(7),
        kind: EndpointKind.ENDPOINT_KIND_NODE,
        nodeId: at + 1,
        nodes: addresses,
        partitions: answers[at]!.map(hintOf),
        limits: undefined,
        version: '0',
      }).finish();
      return new Promise((resolve) => clock.setTimer(1 + at, () => resolve(described)));
    };
    const router = new Router(
      { transport: { unary } as unknown as NodeTransport, clock, random: new SimRandom(1) },
      { endpoints, backoff: defaultBackoff, direct: true },
      { logTime: () => {}, described: () => {} },
    );
    for (const entry of entries) router.map.install(hintOf({ ...entry, leader: 0 }));
    for (const { id, leader } of entries) router.map.installLeader(id, leader);
    return { router, scheduler };
  }

  it('is still sought when the first to answer knows nothing of it', async () => {
    const { router, scheduler } = setup([wrong], [[right], [left, right]]);
    router.seek(low);
    await scheduler.advance(10);
    expect(router.map.lookup(low)).toMatchObject({ partitionId: 2, leaderNodeId: 1 });
    router.close();
  });

  it('is still sought when the first to answer knows nobody who leads', async () => {
    const { router, scheduler } = setup(
      [{ ...wrong, from: 0 }],
      [[{ ...left, leader: 0 }], [left]],
    );
    router.seek(low);
    await scheduler.advance(10);
    expect(router.map.lookup(low)).toMatchObject({ partitionId: 2, leaderNodeId: 1 });
    router.close();
  });

  it('is not crowded out by a key whose partition has no leader', async () => {
    const led = { ...left, to: 64 };
    const leaderless = { ...right, from: 64, leader: 0 };
    const { router, scheduler } = setup(
      [{ ...wrong, from: 0, to: 64 }, leaderless],
      [[led, leaderless]],
    );
    router.seek(low);
    router.seek(high);
    await scheduler.advance(10);
    expect(router.map.lookup(low)).toMatchObject({ partitionId: 2, leaderNodeId: 1 });
    expect(router.map.lookup(high)).toMatchObject({ partitionId: 3, leaderNodeId: 0 });
    router.close();
  });

  it('stands for all keys of its place, and the oldest of too many places goes', () => {
    const places = Array.from({ length: 70 }, (_, at) => ({
      ...left,
      id: at + 2,
      from: at,
      to: at + 1,
    }));
    const sought = new SoughtKeys(forge(places));
    for (let i = 0; i < 3; i++) sought.add(Uint8Array.of(9, i));
    expect(sought.size).toBe(1);
    for (let at = 0; at < 70; at++) sought.add(Uint8Array.of(at));
    expect(sought.size).toBe(64);
    const asked: number[] = [];
    sought.answered([], ([at]) => asked.push(at!) > 0);
    expect(asked).not.toContain(0);
    expect(asked).toContain(69);
    expect(sought.size).toBe(0);
  });
});
