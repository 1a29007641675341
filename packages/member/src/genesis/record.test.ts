import { ReplicaRole } from '@dougdb/rpc-proto';
import {
  decodeRecord,
  encodeRecord,
  makeRecord,
  preferredReplica,
  settingsDifference,
} from './record.js';
import { recordFault } from './record-fault.js';

const settings = {
  replicationFactor: 5,
  heartbeatMs: 50,
  electionMinMs: 160,
  splitAt: [],
  leaseReads: false,
};
const clusterId = new Uint8Array(16).fill(9);
const founders = (count: number): { uuid: Uint8Array; address: string }[] =>
  Array.from({ length: count }, (_, at) => ({
    uuid: new Uint8Array(16).fill(at + 1),
    address: `h:${4400 + at}`,
  }));

describe('genesis record', () => {
  it.each([
    [1, 5, 1],
    [2, 5, 1],
    [3, 5, 3],
    [4, 5, 3],
    [5, 5, 5],
    [7, 5, 5],
    [5, 3, 3],
    [5, 1, 1],
  ])(
    'of %i nodes with factor %i has %i voters, the others are learners',
    (nodes, factor, voters) => {
      const record = makeRecord(
        founders(nodes),
        { ...settings, replicationFactor: factor },
        clusterId,
        Date.UTC(2026, 0, 1),
      );
      const roles = record.partitions[0]?.replicas.map((replica) => replica.role) ?? [];
      expect(roles.length).toBe(nodes);
      expect(roles.filter((role) => role === ReplicaRole.REPLICA_ROLE_VOTER).length).toBe(voters);
      expect(recordFault(record)).toBeNull();
    },
  );

  it('INVARIANT(replica-ids-unique): cuts the data partitions at the split keys, each replica with an id of its own', () => {
    const splitAt = [Uint8Array.of(0x67), Uint8Array.of(0x70)];
    const { partitions } = makeRecord(founders(3), { ...settings, splitAt }, clusterId, 1.7e12);
    const none = new Uint8Array(0);
    expect(partitions.map((p) => [p.partitionId, p.keyspace, p.start, p.end])).toEqual([
      [1, 0, none, none],
      [2, 1, none, splitAt[0]],
      [3, 1, splitAt[0], splitAt[1]],
      [4, 1, splitAt[1], none],
    ]);
    const ids = partitions.flatMap((p) => p.replicas.map((replica) => replica.replicaId));
    expect(ids).toEqual(Array.from({ length: 12 }, (_, at) => 101 + at));
  });

  it('spreads voters where there are more members than voters, and first leaders always', () => {
    const splitAt = Array.from({ length: 9 }, (_, at) => Uint8Array.of(at + 1));
    for (const [members, factor] of [
      [5, 3],
      [5, 5],
      [7, 5],
      [4, 3],
    ] as const) {
      const record = makeRecord(
        founders(members),
        { ...settings, replicationFactor: factor, splitAt },
        clusterId,
        1.7e12,
      );
      const voters = new Map<number, number>();
      const leaders = new Map<number, number>();
      const count = (of: Map<number, number>, nodeId = 0) =>
        of.set(nodeId, (of.get(nodeId) ?? 0) + 1);
      for (const partition of record.partitions) {
        for (const { role, nodeId } of partition.replicas) {
          if (role === ReplicaRole.REPLICA_ROLE_VOTER) count(voters, nodeId);
        }
        const first = partition.replicas.find((r) => r.replicaId === preferredReplica(partition));
        expect(first?.role).toBe(ReplicaRole.REPLICA_ROLE_VOTER);
        count(leaders, first?.nodeId);
      }
      const votes = [...voters.values()];
      expect(voters.size).toBe(members);
      expect(Math.max(...votes) - Math.min(...votes)).toBeLessThanOrEqual(
        factor === members ? 0 : 3,
      );
      const led = record.nodes.map(({ nodeId }) => leaders.get(nodeId) ?? 0);
      expect(Math.max(...led) - Math.min(...led)).toBeLessThanOrEqual(1);
    }
  });

  it('does not depend on the order of the founders, and numbers nodes by address', () => {
    const made = makeRecord(founders(12).reverse(), settings, clusterId, 1.7e12);
    expect(made).toEqual(makeRecord(founders(12), settings, clusterId, 1.7e12));
    expect(made.nodes.map((node) => node.nodeId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(made.nodes[9]?.address).toBe('h:4409');
    expect(made.nodes[0]?.uuid).toEqual(new Uint8Array(16).fill(1));
  });

  it('begins at the log time of its making, in units of 1/4096 ms since 2020', () => {
    const made = makeRecord(founders(1), settings, clusterId, Date.UTC(2020, 0, 1) + 5);
    expect(made.logTime).toBe(5 * 4096);
    expect(makeRecord(founders(1), settings, clusterId, 0).logTime).toBe(1);
  });

  it('survives encoding', () => {
    const made = makeRecord(founders(3), settings, clusterId, 1.7e12);
    const decoded = decodeRecord(encodeRecord(made));
    expect(decoded && encodeRecord(decoded)).toEqual(encodeRecord(made));
    expect(decodeRecord(Uint8Array.of(255))).toBeNull();
  });

  it('is refused when it makes no sense', () => {
    const good = makeRecord(founders(3), settings, clusterId, 1.7e12);
    const [first, second, third] = good.nodes;
    if (!first || !second || !third) throw new Error('three nodes');
    const [meta, data] = good.partitions;
    if (!meta || !data) throw new Error('two partitions');
    const [replica, ...others] = data.replicas;
    if (!replica) throw new Error('three replicas');
    const withData = (more: Partial<typeof data>) => ({
      ...good,
      partitions: [meta, { ...data, ...more }],
    });
    const bad = [
      withData({ partitionId: 1 }),
      withData({ partitionId: 0 }),
      withData({ keyspace: 0 }),
      withData({ start: Uint8Array.of(1) }),
      withData({ end: Uint8Array.of(1) }),
      withData({ epoch: undefined }),
      withData({ epoch: { version: 0, conf: 1 } }),
      withData({ replicas: [] }),
      withData({ replicas: [replica, { ...replica, replicaId: 900 }, ...others] }),
      withData({ replicas: data.replicas.map((r) => ({ ...r, role: 0 })) }),
      withData({ replicas: [{ ...replica, role: 2 }] }),
      withData({ replicas: meta.replicas }),
      { ...good, partitions: [data] },
      { ...good, partitions: [meta] },
      { ...good, settings: { ...settings, splitAt: [Uint8Array.of(1)] } },
      { ...good, clusterVersion: 2 },
      { ...good, clusterId: new Uint8Array(3) },
      { ...good, clusterVersion: 4 },
      { ...good, settings: undefined },
      { ...good, nodes: [] },
      { ...good, partitions: [] },
      { ...good, nodes: [first, { ...second, nodeId: 1 }, third] },
      { ...good, nodes: [first, { ...second, uuid: first.uuid }, third] },
      { ...good, nodes: [first, { ...second, uuid: new Uint8Array(2) }, third] },
      { ...good, nodes: [first, second] },
      { ...good, partitions: [...good.partitions, ...good.partitions] },
    ];
    expect(bad.map((record) => recordFault(record) === null)).toEqual(bad.map(() => false));
  });

  it('tells settings apart', () => {
    const differing = [
      { ...settings, replicationFactor: 3 },
      { ...settings, heartbeatMs: 1 },
      { ...settings, electionMinMs: 1 },
      { ...settings, splitAt: [Uint8Array.of(1)] },
      undefined,
    ];
    expect(differing.map((other) => settingsDifference(settings, other) === null)).toEqual(
      differing.map(() => false),
    );
    const split = { ...settings, splitAt: [Uint8Array.of(1)] };
    expect(settingsDifference(split, { ...settings, splitAt: [Uint8Array.of(1)] })).toBeNull();
    expect(settingsDifference(split, { ...settings, splitAt: [Uint8Array.of(2)] })).not.toBeNull();
  });
});
