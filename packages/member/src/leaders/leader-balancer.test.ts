import { recordingLogger, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { Replica } from '@dougdb/replica';
import { LeaderBalancer } from './leader-balancer.js';

/** A replica of node 1, as the balancer sees it. */
class FakeReplica {
  readonly partitionId: number;
  isLeader = true;
  leaderNodeId = 1;
  leadsByTransfer = false;
  isHandingOver = false;
  term = 2;
  others = [2, 3];
  readonly given: number[] = [];

  constructor(partitionId: number) {
    this.partitionId = partitionId;
  }

  get descriptor() {
    return { replicas: [1, 2, 3].map((nodeId) => ({ nodeId, replicaId: 100 + nodeId })) };
  }

  header = () => ({ term: this.term });
  caughtUpNodes = () => this.others;
  transferLeadership(replicaId: number): boolean {
    this.given.push(replicaId - 100);
    this.isHandingOver = true;
    return true;
  }
}

function balancing(count: number) {
  const scheduler = new SimScheduler();
  const replicas = Array.from({ length: count }, (_, at) => new FakeReplica(at + 1));
  const counts = new Map([[1, count]]);
  const draining = new Set<number>();
  const logger = recordingLogger();
  const balancer = new LeaderBalancer({
    ownNodeId: 1,
    replicas: replicas as unknown as Replica[],
    clock: scheduler.clock(),
    random: new SimRandom(1),
    logger,
    counts: () => counts,
    isDraining: (nodeId) => draining.has(nodeId),
  });
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 10) {
      await scheduler.advance(10);
      balancer.tick();
    }
  };
  /** Whoever was given something leads it now. */
  const done = (): void => {
    for (const replica of replicas) {
      const to = replica.given.at(-1);
      if (!replica.isHandingOver || to === undefined) continue;
      Object.assign(replica, { isHandingOver: false, isLeader: false, leaderNodeId: to });
      counts.set(1, (counts.get(1) ?? 0) - 1);
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
  };
  const given = (): number[] => replicas.flatMap((replica) => replica.given);
  return { replicas, counts, draining, balancer, logger, pass, done, given };
}

describe('a node that leads more than others', () => {
  it('waits until its leaderships are settled, gives one at a time, and stops when it makes no difference', async () => {
    const b = balancing(6);
    await b.pass(2_500);
    expect(b.given()).toEqual([]);
    await b.pass(2_000);
    expect(b.given().length).toBe(1);
    // As long as one is under way there is no other.
    await b.pass(5_000);
    expect(b.given().length).toBe(1);
    for (let at = 0; at < 10; at++) {
      b.done();
      await b.pass(1_000);
    }
    expect([...b.counts]).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
    expect(b.logger.of('leader.balance').length).toBe(4);
  });

  it('offers a partition once in a term, whatever came of it', async () => {
    const b = balancing(3);
    const [first] = b.replicas as [FakeReplica];
    for (const replica of b.replicas.slice(1)) replica.leadsByTransfer = true;
    await b.pass(5_000);
    expect(first.given.length).toBe(1);
    first.isHandingOver = false;
    await b.pass(20_000);
    expect(first.given.length).toBe(1);
    first.term = 5;
    await b.pass(2_500);
    expect(first.given.length).toBe(1);
    await b.pass(3_000);
    expect(first.given.length).toBe(2);
  });

  it('gives nothing that it was given, nothing to a node that goes down, and nothing while it goes down itself', async () => {
    const kept = balancing(4);
    for (const replica of kept.replicas) replica.leadsByTransfer = true;
    await kept.pass(10_000);
    expect(kept.given()).toEqual([]);

    const around = balancing(4);
    around.draining.add(2);
    await around.pass(5_000);
    expect(around.given()).toEqual([3]);

    const alone = balancing(4);
    alone.draining.add(2).add(3);
    await alone.pass(10_000);
    expect(alone.given()).toEqual([]);

    const ending = balancing(4);
    ending.balancer.stop();
    await ending.pass(10_000);
    expect(ending.given()).toEqual([]);
  });

  it('gives nothing that nobody could take, or that it cannot serve itself', async () => {
    const b = balancing(4);
    for (const replica of b.replicas) replica.others = [];
    await b.pass(5_000);
    for (const replica of b.replicas) Object.assign(replica, { others: [2], leaderNodeId: 0 });
    await b.pass(5_000);
    expect(b.given()).toEqual([]);
  });
});
