import { SimRandom } from '@dougdb/ports/sim';
import { MessageType, RawNode } from '@dougdb/raft-core';
import { Consistency } from '@dougdb/rpc-proto';
import { put } from './support/commands.js';
import { type Answer, brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import { type TestNode, TICK_MS } from './support/test-node.js';

const withLeases = { leaseTickMs: TICK_MS };
const { CONSISTENCY_LEASE, CONSISTENCY_LINEARIZABLE } = Consistency;

afterEach(() => jest.restoreAllMocks());

/** Three replicas whose leader holds a lease, with k = old. */
async function leased(seed = 1): Promise<{ cluster: TestCluster; leader: TestNode }> {
  const cluster = await TestCluster.started({ seed, settings: withLeases });
  const leader = await cluster.untilLed();
  await cluster.run(leader.write(put('k', 'old')));
  await cluster.scheduler.advance(100);
  return { cluster, leader };
}

/** 'found v 1 LEASE' */
function told(answer: Answer): string {
  const isRead = answer.kind === 'found' || answer.kind === 'absent';
  const served = isRead ? answer.mark.served : null;
  const names = { [CONSISTENCY_LEASE]: ' LEASE', [CONSISTENCY_LINEARIZABLE]: ' LINEARIZABLE' };
  return `${brief(answer)}${(served !== null && names[served as keyof typeof names]) || ''}`;
}

const byLease = (node: TestNode, timeoutMs = 500): Promise<Answer> =>
  node.read('k', { level: 'lease', timeoutMs });

describe('a lease read', () => {
  it('is served by the leader at once, without a message to anybody', async () => {
    const { cluster, leader } = await leased();
    let asked = 0;
    cluster.filter = (from) => {
      if (from === leader.nodeId) asked++;
      return true;
    };
    const startMs = cluster.scheduler.nowMs;
    expect(told(await cluster.run(byLease(leader)))).toBe('found old 1 LEASE');
    expect([cluster.scheduler.nowMs - startMs, asked]).toEqual([0, 0]);
  });

  it('sees every write that was acknowledged before it began', async () => {
    const { cluster, leader } = await leased();
    for (let i = 2; i <= 20; i++) {
      await cluster.run(leader.write(put('k', `v${i}`)));
      expect(told(await cluster.run(byLease(leader)))).toBe(`found v${i} ${i} LEASE`);
    }
  });

  it('is refused by a follower, which names the leader', async () => {
    const { cluster, leader } = await leased();
    const answer = await cluster.run(byLease(cluster.followers[0] as TestNode));
    expect(brief(answer)).toBe('NOT_LEADER NOT_APPLIED');
    if (answer.kind !== 'failed') throw new Error('served');
    expect(answer.error.route?.leaderNodeId).toBe(leader.nodeId);
  });

  it('is refused where leases are off, which tells how to switch them on', async () => {
    const cluster = await TestCluster.started();
    const answer = await cluster.run(byLease(await cluster.untilLed()));
    expect(brief(answer)).toBe('INVALID_ARGUMENT NOT_APPLIED');
    if (answer.kind !== 'failed') throw new Error('served');
    expect(answer.error.message).toContain('--lease-reads');
  });

  it('takes a round where the leader has no lease, and says that it was linearizable', async () => {
    const { cluster, leader } = await leased();
    // A transfer that goes nowhere costs the lease for the rest of the term.
    const [next] = cluster.followers as [TestNode];
    cluster.filter = (_from, to, m) => to !== next.nodeId || m.type !== MessageType.MsgTimeoutNow;
    leader.replica.transferLeadership(next.replicaId);
    await cluster.scheduler.advance(400);
    expect(leader.replica.isLeader).toBe(true);
    expect(told(await cluster.run(byLease(leader)))).toBe('found old 1 LINEARIZABLE');
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'is served under a lease by nobody but the one that leads, whoever is cut off (seed %d)',
    async (seed) => {
      const { cluster, leader } = await leased(seed);
      cluster.isolate(leader.nodeId);
      const cutMs = cluster.scheduler.nowMs;
      const answers: Promise<{ told: string; atMs: number }>[] = [];
      let newSinceMs: number | null = null;
      while (cluster.scheduler.nowMs - cutMs < 800) {
        const answer = byLease(leader, 300).then((one) => ({
          told: told(one),
          atMs: cluster.scheduler.nowMs,
        }));
        answers.push(answer);
        const next = cluster.leader;
        if (newSinceMs === null && next !== null && next !== leader) {
          newSinceMs = cluster.scheduler.nowMs;
          next.send(put('k', 'new'));
        }
        await cluster.scheduler.advance(1);
      }
      const all = await cluster.run(Promise.all(answers));
      const underLease = all.filter((one) => one.told.endsWith('LEASE'));
      expect(newSinceMs).not.toBeNull();
      // It serves for a while after the cut, and no longer when another can have been elected.
      expect(underLease.length).toBeGreaterThan(50);
      for (const { told: what, atMs } of underLease) {
        expect(what).toBe('found old 1 LEASE');
        expect(atMs).toBeLessThan(newSinceMs as number);
        // A voter may have counted two ticks too early: its promise of 160 ms is good for 130 of the leader's.
        expect(atMs - cutMs).toBeLessThan(118);
      }
    },
  );

  it('knows nothing of wall clocks: they may jump as they like', async () => {
    const { cluster, leader } = await leased();
    for (const jumpMs of [3_600_000, -7_200_000]) {
      leader.clock.jumpWall(jumpMs);
      expect(told(await cluster.run(byLease(leader)))).toBe('found old 1 LEASE');
    }
    cluster.isolate(leader.nodeId);
    leader.clock.jumpWall(-3_600_000);
    await cluster.scheduler.advance(118);
    expect(told(await cluster.run(byLease(leader)))).toBe('NO_LEADER NOT_APPLIED');
  });

  it('is not served from before by a leader whose process was stopped and goes on', async () => {
    const { cluster, leader } = await leased();
    const others = cluster.followers;
    leader.replica.suspend();
    const next = await cluster.untilLed(others);
    await cluster.run(next.write(put('k', 'new')));
    leader.replica.resume();
    const read = byLease(leader);
    expect(leader.replica.isLeader).toBe(true);
    // It asks whether it leads, and hears of the next one.
    expect(told(await cluster.run(read))).toBe('NO_LEADER NOT_APPLIED');
    await cluster.untilLed();
    expect(told(await cluster.run(byLease(next)))).toBe('found new 2 LEASE');
  });
});

describe('a lease that ends while a read waits for what it has to see', () => {
  /** The leader holds a committed write that it cannot apply; a read came under its lease. */
  async function waiting() {
    const settings = { ...withLeases, freezeLogEntries: 4, retainLogBytes: 0, maxAppendMs: 60_000 };
    const cluster = await TestCluster.started({ settings });
    const first = await cluster.untilLed();
    for (let i = 1; i <= 8; i++) await cluster.run(first.write(put(`k${i}`, `v${i}`)));
    await cluster.run(first.write(put('k', 'old')));
    await cluster.untilEqual();
    await cluster.scheduler.advance(50);
    for (const node of cluster.nodes) {
      await cluster.run(node.stop());
      await cluster.run(node.start());
    }
    const leader = await cluster.untilLed();
    await cluster.scheduler.advance(100);
    leader.fs.failNext({ kind: 'read', path: /\.sst/ }, { fault: 'stall' });
    leader.send(put('k1', 'w', null, { returnPrevious: true }), { timeoutMs: 60_000 });
    await cluster.until('the look', () => leader.fs.stalledCount === 1);
    const read = byLease(leader, 10_000);
    await cluster.scheduler.advance(20);
    return { cluster, leader, read };
  }

  async function deposed() {
    const { cluster, leader, read } = await waiting();
    const others = cluster.followers;
    cluster.isolate(leader.nodeId);
    const next = await cluster.untilLed(others);
    await cluster.run(next.write(put('k', 'new')));
    return { cluster, leader, read };
  }

  it('INVARIANT(lease-checked-twice): is noticed, and nothing is told under it', async () => {
    const { cluster, leader, read } = await deposed();
    leader.fs.releaseStalled();
    expect(told(await cluster.run(read))).toBe('NO_LEADER NOT_APPLIED');
  });

  it('is not noticed without the second look: the planted bug tells what is over', async () => {
    const { cluster, leader, read } = await deposed();
    jest.spyOn(RawNode.prototype, 'leaseValid').mockReturnValue(true);
    leader.fs.releaseStalled();
    expect(told(await cluster.run(read))).toBe('found old 9 LEASE');
  });

  it('costs a round where the leader still leads, and fails nobody', async () => {
    const { cluster, leader, read } = await waiting();
    // Long enough for the lease, not for the check whether a quorum was heard.
    cluster.filter = (_from, to, { type }) =>
      to !== leader.nodeId || type !== MessageType.MsgHeartbeatResp;
    await cluster.scheduler.advance(140);
    leader.fs.releaseStalled();
    let isTold = false;
    void read.then(() => {
      isTold = true;
    });
    await cluster.scheduler.advance(2);
    expect([leader.replica.isLeader, isTold]).toEqual([true, false]);
    cluster.filter = () => true;
    expect(told(await cluster.run(read))).toBe('found old 9 LINEARIZABLE');
  });
});

describe('lease reads while links are cut and slow, replicas stop and leaders hand over', () => {
  const seeds = process.env.SEED === undefined ? [1, 2] : [Number(process.env.SEED)];

  it.each(seeds)('see what was acknowledged before they began (SEED=%d)', async (seed) => {
    const cluster = await TestCluster.started({ seed, size: 5, settings: withLeases });
    const random = new SimRandom(`leases/${seed}`);
    const { scheduler } = cluster;
    const started: Promise<unknown>[] = [];
    let acknowledged = 0;
    let served = 0;
    let elections = 0;
    let leaderId = 0;
    const read = (node: TestNode): void => {
      const least = acknowledged;
      const answer = byLease(node, 400).then((one) => {
        if (one.kind !== 'found') return;
        if (one.mark.served === CONSISTENCY_LEASE) served++;
        expect(one.revision).toBeGreaterThanOrEqual(least);
      });
      started.push(answer);
    };
    const disturb = (node: TestNode): void => {
      const kind = random.next();
      if (kind < 0.5) {
        cluster.heal();
        cluster.lagMs = () => 0;
        for (const one of cluster.nodes) one.replica.resume();
      } else if (kind < 0.7) cluster.isolate((cluster.leader ?? node).nodeId);
      else if (kind < 0.8) node.replica.suspend();
      else if (kind < 0.9) cluster.leader?.replica.transferLeadership();
      else {
        const lagMs = random.next() * 300;
        cluster.lagMs = (_from, to) => (to === node.nodeId ? lagMs : 0);
      }
    };
    for (let i = 0; i < 1200; i++) {
      const node = cluster.nodes[Math.floor(random.next() * 5)] as TestNode;
      if (random.next() < 0.03) disturb(node);
      if (random.next() < 0.3) {
        const write = (cluster.leader ?? node).write(put('k', `${i}`)).then((answer) => {
          if (answer.kind === 'written') acknowledged = Math.max(acknowledged, answer.revision);
        });
        started.push(write);
      }
      // Everybody who thinks that it leads, there may be two.
      for (const one of cluster.nodes) if (one.replica.isLeader) read(one);
      const now = cluster.leader?.nodeId ?? 0;
      if (now !== 0 && now !== leaderId) elections++;
      leaderId = now || leaderId;
      await scheduler.advance(random.next() * 10);
    }
    cluster.heal();
    for (const one of cluster.nodes) one.replica.resume();
    await cluster.run(Promise.all(started));
    expect([served > 200, acknowledged > 30, elections > 3]).toEqual([true, true, true]);
  });
});
