import { ReplicaRole, TransferLeaderRequest } from '@dougdb/rpc-proto';
import { errorOf, leaderOf, partitionList, put, transferLeader, value } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

async function readyCluster(count: number, factor = 5): Promise<TestCluster> {
  const cluster = new TestCluster(count, 1, ['m'], { replicationFactor: factor });
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

const idOf = (cluster: TestCluster, node: TestNode): number => cluster.nodes.indexOf(node) + 1;

describe('a transfer of the leadership', () => {
  it('is answered when the other leads, and loses nothing', async () => {
    const cluster = await readyCluster(3);
    for (const partitionId of [1, 2, 3]) {
      const from = await leaderOf(cluster, partitionId);
      const toNodeId = (idOf(cluster, from) % 3) + 1;
      if (partitionId > 1) await put(from, partitionId === 2 ? 'a' : 'z', 'kept');
      const { leaderNodeId, term } = await transferLeader(from, partitionId, toNodeId);
      expect(leaderNodeId).toBe(toNodeId);
      const to = await leaderOf(cluster, partitionId);
      expect(idOf(cluster, to)).toBe(toNodeId);
      const status = to.member.replicaStatuses().find((s) => s.partitionId === partitionId);
      expect(status?.term).toBe(term);
      if (partitionId > 1) expect(await value(to, partitionId === 2 ? 'a' : 'z')).toBe('kept');
    }
  });

  it('without a target goes to whoever is best, and to oneself is done already', async () => {
    const cluster = await readyCluster(3);
    const from = await leaderOf(cluster);
    expect((await transferLeader(from, 2, idOf(cluster, from))).leaderNodeId).toBe(
      idOf(cluster, from),
    );
    expect((await transferLeader(from, 2, 0)).leaderNodeId).not.toBe(idOf(cluster, from));
  });

  it('is refused by a node that does not lead: who does is told', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    for (const node of cluster.nodes) {
      if (node === leader) continue;
      const error = await errorOf(transferLeader(node, 2, idOf(cluster, node)));
      expect([error.reason, error.outcome]).toEqual(['NOT_LEADER', 'NOT_APPLIED']);
      expect(error.route?.leaderNodeId).toBe(idOf(cluster, leader));
      expect(error.route?.nodes.length).toBe(3);
    }
  });

  it('is refused for a partition that is not here, no partition, no voter, another cluster, garbage', async () => {
    const cluster = await readyCluster(5, 3);
    const leader = await leaderOf(cluster);
    const route = (await partitionList(leader)).find((r) => r.partition?.partitionId === 2);
    const learner = route?.partition?.replicas.find(
      (r) => r.role === ReplicaRole.REPLICA_ROLE_LEARNER,
    );
    expect((await errorOf(transferLeader(leader, 9, 1))).reason).toBe('EPOCH_MISMATCH');
    expect((await errorOf(transferLeader(leader, 0, 1))).reason).toBe('INVALID_ARGUMENT');
    expect((await errorOf(transferLeader(leader, 2, learner?.nodeId ?? 0))).reason).toBe(
      'INVALID_ARGUMENT',
    );
    expect((await errorOf(transferLeader(leader, 2, 77))).reason).toBe('INVALID_ARGUMENT');
    const request = { clusterId: new Uint8Array(16), partitionId: 2, toNodeId: 1 };
    const foreign = leader.unary(
      '/dougdb.admin.v1.Admin/TransferLeader',
      TransferLeaderRequest.encode(request).finish(),
    );
    expect((await errorOf(foreign)).reason).toBe('CLUSTER_MISMATCH');
    const garbage = leader.unary('/dougdb.admin.v1.Admin/TransferLeader', Uint8Array.of(255));
    expect((await errorOf(garbage)).reason).toBe('INVALID_ARGUMENT');
  });

  it('in a cluster of one has nobody to go to', async () => {
    const cluster = await readyCluster(1);
    expect((await errorOf(transferLeader(cluster.node(0), 2, 0))).reason).toBe('INVALID_ARGUMENT');
    expect((await transferLeader(cluster.node(0), 2, 1)).leaderNodeId).toBe(1);
  });

  it('to a node that is down ends with DEADLINE, and the leader serves on', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    const down = cluster.nodes.find((node) => node !== leader) as TestNode;
    down.crash();
    const began = cluster.scheduler.nowMs;
    const error = await errorOf(transferLeader(leader, 2, idOf(cluster, down), 30_000));
    expect([error.reason, error.outcome]).toEqual(['DEADLINE', 'NOT_APPLIED']);
    // Three tries, no more: a partition must not stand still because of a wish.
    expect(cluster.scheduler.nowMs - began).toBeLessThan(2_000);
    expect(await leaderOf(cluster)).toBe(leader);
    await put(leader, 'a', '1');
  });

  it('ends with DEADLINE when the caller has no time', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    const down = cluster.nodes.find((node) => node !== leader) as TestNode;
    down.crash();
    const began = cluster.scheduler.nowMs;
    const error = await errorOf(transferLeader(leader, 2, idOf(cluster, down), 50));
    expect(error.reason).toBe('DEADLINE');
    expect(cluster.scheduler.nowMs - began).toBeLessThan(100);
  });
});
