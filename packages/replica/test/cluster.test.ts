import { MessageType } from '@dougdb/raft-core';
import { del, opId, put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

/** A log time for new sessions. */
const now = (node: TestNode): number => node.replica.header().logTime;

async function expectEqualStates(cluster: TestCluster): Promise<void> {
  await cluster.untilEqual();
  const hashes = cluster.running.map((node) => JSON.stringify(node.replica.stateHash()));
  expect(new Set(hashes).size).toBe(1);
}

describe('three replicas', () => {
  it('elect a leader, replicate, and read linearizably on every one of them', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    expect(brief(await cluster.run(leader.write(put('k', 'v'))))).toBe('written 1');
    for (const node of cluster.nodes) {
      expect(brief(await cluster.run(node.read('k')))).toBe('found v 1');
      expect(node.replica.status()).toMatchObject({
        leaderReplicaId: leader.replicaId,
        leaderNodeId: leader.nodeId,
        state: 'serving',
      });
    }
    await expectEqualStates(cluster);
    expect(leader.events('raft.leader.elected')).toHaveLength(1);
  });

  it('send a client that meets a follower to the leader', async () => {
    const cluster = await TestCluster.started();
    const [follower] = cluster.followers;
    const answer = await cluster.run((follower as TestNode).write(put('k', 'v')));
    expect(brief(answer)).toBe('NOT_LEADER NOT_APPLIED');
    if (answer.kind === 'failed') {
      expect(answer.error.route?.leaderNodeId).toBe(cluster.leader?.nodeId);
    }
  });

  it('gather the reads of a turn into one round, on a follower as well', async () => {
    const cluster = await TestCluster.started();
    await cluster.run((cluster.leader as TestNode).write(put('k', 'v')));
    const [follower] = cluster.followers;
    const before = cluster.sent.get(MessageType.MsgReadIndex) ?? 0;
    const reads = Array.from({ length: 50 }, () => (follower as TestNode).read('k'));
    const answers = (await cluster.run(Promise.all(reads))).map(brief);
    expect(new Set(answers)).toEqual(new Set(['found v 1']));
    expect(cluster.sent.get(MessageType.MsgReadIndex)).toBe(before + 1);
  });

  it('answer eventual reads anywhere at once, with the age of what they show', async () => {
    const cluster = await TestCluster.started();
    await cluster.run((cluster.leader as TestNode).write(put('k', 'v')));
    await cluster.untilEqual();
    await cluster.scheduler.advance(200);
    const follower = cluster.followers[0] as TestNode;
    expect(follower.replica.header().ageMs).toBeLessThan(60);
    cluster.isolate(follower.nodeId);
    await cluster.scheduler.advance(5000);
    expect(brief(await cluster.run(follower.read('k', { level: 'eventual' })))).toBe('found v 1');
    const { ageMs } = follower.replica.header();
    expect(ageMs).toBeGreaterThan(4900);
    expect(ageMs).toBeLessThan(5100);
  });

  it('tell the age of a follower that hears its leader and gets no entries', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    const behind = cluster.followers[0] as TestNode;
    await cluster.run(leader.write(put('k', 'old')));
    await cluster.untilEqual();
    cluster.filter = (_from, to, message) =>
      to !== behind.nodeId || message.type !== MessageType.MsgApp;
    await cluster.run(leader.write(put('k', 'new')));
    await cluster.scheduler.advance(3000);
    expect(behind.replica.status().leaderReplicaId).toBe(leader.replicaId);
    expect(brief(await cluster.run(behind.read('k', { level: 'eventual' })))).toBe('found old 1');
    expect(behind.replica.header().ageMs).toBeGreaterThan(2900);
  });

  it('answer a read DEADLINE that finds no quorum in its time', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    cluster.isolate(leader.nodeId);
    const reads = [leader, cluster.followers[0] as TestNode].map((node) =>
      node.read('k', { timeoutMs: 40 }),
    );
    const startMs = cluster.scheduler.nowMs;
    for (const read of reads) {
      expect(brief(await cluster.run(read))).toBe('DEADLINE NOT_APPLIED');
    }
    expect(cluster.scheduler.nowMs - startMs).toBeLessThan(60);
  });

  it('elect another leader when the leader dies, and lose nothing acknowledged', async () => {
    const cluster = await TestCluster.started();
    const dead = await cluster.untilLed();
    const start = now(dead);
    for (let seq = 1; seq <= 20; seq++) {
      const answer = await cluster.run(dead.write(put(`k${seq}`, `v${seq}`, opId(1, start, seq))));
      expect(brief(answer)).toBe(`written ${seq}`);
    }
    dead.crash();
    const leader = await cluster.untilLed();
    expect(leader).not.toBe(dead);
    for (let seq = 1; seq <= 20; seq++) {
      expect(brief(await cluster.run(leader.read(`k${seq}`)))).toBe(`found v${seq} ${seq}`);
    }
    expect(brief(await cluster.run(leader.write(del('k1'))))).toBe('written 21');
    await cluster.run(dead.start());
    await expectEqualStates(cluster);
    expect(brief(await cluster.run(dead.read('k1')))).toBe('absent');
  });

  it('INVARIANT(applied-once): apply an op once when it is sent again to the next leader', async () => {
    const cluster = await TestCluster.started();
    const first = await cluster.untilLed();
    const start = now(first);
    const op = (seq: number): Uint8Array => put('k', `v${seq}`, opId(1, start, seq));
    expect(brief(await cluster.run(first.write(op(1))))).toBe('written 1');
    // The second op reaches a quorum; that never reaches its leader.
    for (const { nodeId } of cluster.followers) cluster.cut.add(`${nodeId}>${first.nodeId}`);
    const lost = first.write(op(2));
    await cluster.scheduler.advance(3);
    first.crash();
    cluster.heal();
    const second = await cluster.untilLed();
    for (const seq of [1, 2, 1, 2]) {
      expect(brief(await cluster.writeUntilKnown(op(seq)))).toBe(`written ${seq}`);
    }
    expect(second.replica.status().revision).toBe(2);
    await cluster.run(first.start());
    await expectEqualStates(cluster);
    expect(await Promise.race([lost, Promise.resolve('no answer')])).toBe('no answer');
  });

  it('will not serve linearizable reads or writes from a minority, and say so', async () => {
    const cluster = await TestCluster.started();
    const old = await cluster.untilLed();
    await cluster.run(old.write(put('k', 'old')));
    cluster.isolate(old.nodeId);
    const read = old.read('k', { timeoutMs: 3000 });
    const write = old.write(put('k', 'lost'), { timeoutMs: 3000 });
    const others = cluster.nodes.filter((node) => node !== old);
    const next = await cluster.untilLed(others);
    expect(brief(await cluster.run(next.write(put('k', 'new'))))).toMatch(/^written/);
    expect(brief(await cluster.run(read))).toBe('NO_LEADER NOT_APPLIED');
    expect(brief(await cluster.run(write))).toBe('IN_DOUBT UNKNOWN');
    expect(brief(await cluster.run(old.write(put('k', 'late'))))).toBe('NO_LEADER NOT_APPLIED');
    expect(brief(await cluster.run(old.read('k')))).toBe('NO_LEADER NOT_APPLIED');
    // What it shows knowingly old is another matter.
    expect(brief(await cluster.run(old.read('k', { level: 'eventual' })))).toBe('found old 1');
    cluster.heal();
    await cluster.untilLed();
    expect(brief(await cluster.run(old.read('k')))).toContain('found new');
    await expectEqualStates(cluster);
  });

  it('answer a write whose entry was replaced with NOT_APPLIED, or IN_DOUBT before that is known', async () => {
    const cluster = await TestCluster.started();
    const old = await cluster.untilLed();
    cluster.isolate(old.nodeId);
    const lost = [1, 2, 3].map((i) => old.write(put('k', `lost${i}`)));
    await cluster.untilLed(cluster.nodes.filter((node) => node !== old));
    const answers = (await cluster.run(Promise.all(lost))).map(brief);
    expect(new Set(answers)).toEqual(new Set(['IN_DOUBT UNKNOWN']));
    cluster.heal();
    await cluster.untilLed();
    expect(brief(await cluster.run(old.read('k')))).toBe('absent');
  });

  it('hand the leadership over on request, with writes under way, and lose no answer', async () => {
    const cluster = await TestCluster.started();
    const old = await cluster.untilLed();
    const target = cluster.followers[1] as TestNode;
    const before = [1, 2, 3].map((i) => old.write(put(`k${i}`, 'v')));
    await cluster.scheduler.step();
    expect(old.replica.transferLeadership(target.replicaId)).toBe(true);
    const meanwhile = old.write(put('x', 'v'));
    expect((await cluster.run(Promise.all(before))).map(brief)).toEqual([
      'written 1',
      'written 2',
      'written 3',
    ]);
    expect(brief(await cluster.run(meanwhile))).toBe('NO_LEADER NOT_APPLIED');
    await cluster.until('the new leader', () => cluster.leader === target);
    expect(target.replica.transferLeadership(99)).toBe(false);
    expect(cluster.followers[0]?.replica.transferLeadership()).toBe(false);
  });

  it('drain by handing over, at once', async () => {
    const cluster = await TestCluster.started();
    const old = await cluster.untilLed();
    const startMs = cluster.scheduler.nowMs;
    await cluster.run(old.replica.drain(old.clock.monotonicMs() + 5000));
    expect(cluster.scheduler.nowMs - startMs).toBeLessThan(100);
    expect(old.replica.status().role).toBe('follower');
    const next = await cluster.untilLed();
    expect(brief(await cluster.run(next.write(put('k', 'v'))))).toBe('written 1');
    expect(brief(await cluster.run(old.read('k')))).toBe('DRAINING NOT_APPLIED');
  });

  it('drain no longer than their deadline when there is nobody to hand over to', async () => {
    const cluster = await TestCluster.started();
    const old = await cluster.untilLed();
    for (const node of cluster.followers) node.crash();
    const startMs = cluster.scheduler.nowMs;
    await cluster.run(old.replica.drain(old.clock.monotonicMs() + 60));
    expect(cluster.scheduler.nowMs - startMs).toBeGreaterThanOrEqual(60);
    expect(cluster.scheduler.nowMs - startMs).toBeLessThan(80);
  });

  it('catch a member up that was away, from the log', async () => {
    const settings = { freezeLogEntries: 20 };
    const cluster = await TestCluster.started({ settings });
    const leader = await cluster.untilLed();
    const away = cluster.followers[0] as TestNode;
    away.crash(50);
    for (let i = 1; i <= 100; i++) {
      await cluster.run(leader.write(put(`k${i % 10}`, `v${i}`)));
    }
    await cluster.run(away.start());
    await expectEqualStates(cluster);
    expect(brief(await cluster.run(away.read('k5')))).toBe('found v95 95');
  });

  it('let a follower whose tables are behind keep what waits in its log, not in memory', async () => {
    const cluster = await TestCluster.started({ settings: { freezeLogEntries: 3 } });
    const leader = await cluster.untilLed();
    const slow = cluster.followers[0] as TestNode;
    slow.fs.failNext({ path: /db.*sst/, kind: 'datasync' }, { fault: 'stall' }, 1000);
    const write = (i: number) => cluster.run(leader.write(put(`k${i % 7}`, `v${i}`)));
    for (let i = 1; i <= 60; i++) await write(i);
    await cluster.scheduler.advance(100);
    expect(slow.db.stalled).toBe(true);
    const { appliedIndex, lastIndex } = slow.replica.status();
    expect(appliedIndex).toBeLessThan(40);
    expect(lastIndex).toBe(leader.replica.status().lastIndex);
    for (let i = 0; i < 200 && slow.replica.status().appliedIndex < lastIndex; i++) {
      slow.fs.releaseStalled();
      await cluster.scheduler.advance(20);
    }
    await expectEqualStates(cluster);
    expect(brief(await cluster.run(slow.read('k4')))).toBe('found v60 60');
  });

  it('drop an append with a damaged entry, count it, and get it again', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    const follower = cluster.followers[0] as TestNode;
    let damaged = 0;
    const { step } = follower.replica;
    const replica = follower.replica;
    replica.step = (message) => {
      const [entry] = message.entries;
      if (entry === undefined || entry.data.length === 0 || damaged > 0) {
        step.call(replica, message);
        return;
      }
      damaged++;
      const data = entry.data.slice();
      data[data.length - 1]! ^= 1;
      step.call(replica, { ...message, entries: [{ ...entry, data }] });
    };
    await cluster.run(leader.write(put('k', 'v')));
    await cluster.run(leader.write(put('k', 'w')));
    await expectEqualStates(cluster);
    expect(damaged).toBe(1);
    expect(follower.events('raft.message.damaged')).toHaveLength(1);
    expect(brief(await cluster.run(follower.read('k')))).toBe('found w 2');
  });

  it('INVARIANT(log-time-monotonic): keep log time growing across leaders whose wall clocks differ by hours', async () => {
    const cluster = new TestCluster();
    const offsets = [3_600_000, 0, -3_600_000];
    for (const [i, node] of cluster.nodes.entries()) {
      node.clock.jumpWall(offsets[i] as number);
      await cluster.run(node.start());
    }
    let revision = 0;
    for (const node of [...cluster.nodes, ...cluster.nodes]) {
      await cluster.untilLed();
      cluster.leader?.replica.transferLeadership(node.replicaId);
      await cluster.until('the leader', () => cluster.leader === node);
      await cluster.untilLed();
      expect(brief(await cluster.run(node.write(put('k', 'v'))))).toBe(`written ${++revision}`);
    }
    await expectEqualStates(cluster);
  });

  it('INVARIANT(restart-silence): say nothing in elections for an election time after a restart', async () => {
    const cluster = await TestCluster.started();
    const leader = cluster.leader as TestNode;
    const [back, other] = cluster.followers as [TestNode, TestNode];
    const votes: MessageType[] = [MessageType.MsgVoteResp, MessageType.MsgPreVoteResp];
    const voters: number[] = [];
    cluster.filter = (from, _to, message) => {
      if (votes.includes(message.type)) voters.push(from);
      return true;
    };
    back.crash();
    await cluster.run(back.start());
    // An election at once, by order of the leader: nobody else keeps silent.
    expect(leader.replica.transferLeadership(other.replicaId)).toBe(true);
    await cluster.scheduler.advance(100);
    expect(cluster.leader).toBe(other);
    expect(voters).toEqual([leader.nodeId]);
    await cluster.scheduler.advance(200);
    expect(leader.replica.transferLeadership(other.replicaId)).toBe(false);
    other.replica.transferLeadership(leader.replicaId);
    await cluster.until('the next leader', () => cluster.leader === leader);
    expect(voters).toContain(back.nodeId);
  });

  it('report a member as unreachable to the core without harm', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    leader.replica.reportUnreachable(cluster.followers[0]?.nodeId ?? 0);
    leader.replica.reportUnreachable(77);
    await cluster.run(leader.write(put('k', 'v')));
    await expectEqualStates(cluster);
  });
});

describe('three replicas under crashes and cuts', () => {
  for (const [seed, looks] of [
    [1, 'blind'],
    [2, 'looking'],
    [3, 'blind'],
    [4, 'looking'],
  ] as const) {
    it(`INVARIANT(applied-once): lose and repeat nothing, ${looks} writes, seed ${seed}`, async () => {
      const conditions = looks === 'blind' ? {} : { returnPrevious: true };
      const answerTo = (seq: number): string => {
        if (looks === 'blind') return `written ${seq}`;
        return `done ${seq} was ${seq <= 4 ? 'nothing' : `v${seq - 4} ${seq - 4}`}`;
      };
      const settings = { freezeLogEntries: 8, retainLogBytes: 1 << 20 };
      const cluster = await TestCluster.started({ seed, settings, memtableBytes: 1 << 14 });
      const { random } = cluster;
      const start = now(await cluster.untilLed());
      const faults: string[] = [];
      for (let seq = 1; seq <= 25; seq++) {
        const victim = cluster.node(1 + random.int(3));
        const isHealthy = (): boolean => cluster.running.length === 3 && cluster.cut.size === 0;
        if (seq % 4 === 0) await cluster.until('the end of the fault', isHealthy);
        const drawn = isHealthy() ? random.pick(['crash', 'cut', 'none', 'none']) : 'none';
        const fault = seq === 4 ? 'crash' : seq === 8 ? 'cut' : drawn;
        if (fault === 'crash') {
          const keep = random.pick([0, 50, 100]);
          const afterMs = random.next() * 3;
          cluster.scheduler.schedule(afterMs, () => cluster.crashFor(victim, 400, keep));
          faults.push('crash');
        } else if (fault === 'cut') {
          cluster.isolate(victim.nodeId);
          cluster.scheduler.schedule(100 + random.int(900), () => cluster.heal());
          faults.push('cut');
        }
        const op = put(`k${seq % 4}`, `v${seq}`, opId(1, start, seq), conditions);
        expect(brief(await cluster.writeUntilKnown(op))).toBe(answerTo(seq));
        if (random.chance(0.3)) {
          expect(brief(await cluster.writeUntilKnown(op))).toBe(answerTo(seq));
        }
        if (random.chance(0.3)) await cluster.scheduler.advance(random.int(500));
      }
      // Until the last fault has come.
      await cluster.scheduler.advance(10);
      await cluster.until('everybody up', () => cluster.running.length === 3);
      cluster.heal();
      await cluster.untilLed();
      await expectEqualStates(cluster);
      expect(faults).toContain('crash');
      expect(faults).toContain('cut');
      for (const node of cluster.nodes) {
        expect(node.replica.status().revision).toBe(25);
        expect(brief(await cluster.run(node.read('k1')))).toBe('found v25 25');
        expect(node.fatal).toEqual([]);
      }
    });
  }
});
