import { MessageType } from '@dougdb/raft-core';
import { Alone } from './support/alone.js';
import { put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';

describe('who leads', () => {
  it('is by a transfer where the leader before wanted it, and not after an election', async () => {
    const cluster = await TestCluster.started();
    const first = cluster.leader!;
    expect([first.replica.isLeader, first.replica.leadsByTransfer]).toEqual([true, false]);
    const [next] = cluster.followers;
    expect(first.replica.transferLeadership(next!.replicaId)).toBe(true);
    expect(first.replica.isHandingOver).toBe(true);
    await cluster.until('the other leads', () => next!.replica.isLeader);
    expect(next!.replica.leadsByTransfer).toBe(true);
    expect(first.replica.leadsByTransfer).toBe(false);
    next!.crash();
    await cluster.untilLed();
    expect(cluster.leader!.replica.leadsByTransfer).toBe(false);
  });

  it('is by election when the transfer failed and a later term was won', async () => {
    const cluster = await TestCluster.started();
    const first = cluster.leader!;
    const [next] = cluster.followers;
    // Its campaign goes nowhere; in the term after it, it is on its own.
    cluster.filter = (from, _to, m) => from !== next!.nodeId || m.type !== MessageType.MsgVote;
    first.replica.transferLeadership(next!.replicaId);
    await cluster.until('its campaign', () => next!.replica.status().role === 'candidate');
    cluster.filter = () => true;
    first.crash();
    await cluster.until('it leads', () => cluster.leader !== null, 30_000);
    expect(cluster.leader!.replica.leadsByTransfer).toBe(false);
  });

  it('goes to the node that the host chooses, among those that are caught up', async () => {
    const asked: (readonly number[])[] = [];
    const chooseSuccessor = (nodeIds: readonly number[]): number => {
      asked.push(nodeIds);
      return nodeIds[nodeIds.length - 1] ?? 0;
    };
    const cluster = await TestCluster.started({ size: 5, chooseSuccessor });
    const leader = cluster.leader!;
    const away = cluster.followers.at(-1)!;
    away.crash();
    for (let i = 0; i < 20; i++) await cluster.writeUntilKnown(put('k', `${i}`));
    await cluster.scheduler.advance(500);
    expect(leader.replica.caughtUpNodes()).not.toContain(away.nodeId);
    expect(leader.replica.caughtUpNodes().length).toBe(3);
    await cluster.run(leader.replica.drain(cluster.scheduler.nowMs + 5_000));
    const chosen = asked[0]!.at(-1);
    await cluster.until('the chosen one leads', () => cluster.leader?.nodeId === chosen);
  });

  it('does not stay with a replica that drains and wins once more', async () => {
    const cluster = await TestCluster.started();
    const first = cluster.leader!;
    await cluster.run(first.replica.drain(cluster.scheduler.nowMs + 5_000));
    await cluster.untilLed();
    for (let round = 0; round < 5; round++) {
      // The others cannot win: whoever asks is refused but the one that drains.
      cluster.filter = (from, _to, m) => from === first.nodeId || m.type !== MessageType.MsgPreVote;
      const leader = cluster.leader!;
      cluster.isolate(leader.nodeId);
      await cluster.until('it leads', () => first.replica.isLeader, 30_000);
      cluster.heal();
      cluster.filter = () => true;
      await cluster.until('it has given it away', () => !first.replica.isLeader, 2_000);
      await cluster.untilLed();
    }
  });

  it('falls to the follower that lacks least when the host has no wish', async () => {
    const cluster = await TestCluster.started({ chooseSuccessor: () => 0 });
    expect(cluster.leader!.replica.transferLeadership()).toBe(true);
  });

  it('is decided at once by a replica that may campaign', async () => {
    const cluster = await TestCluster.started();
    const [follower] = cluster.followers;
    cluster.leader!.crash();
    // Out of the time in which its leader still counts as heard.
    await cluster.scheduler.advance(200);
    follower!.replica.campaign();
    await cluster.untilLed();
    const alone = await Alone.started();
    alone.node.replica.campaign();
    expect(await alone.write(put('k', 'v'))).toBe('written 1');
  });
});

describe('a replica that is stopped for a test', () => {
  it('neither serves nor takes part, and goes on where it was', async () => {
    const cluster = await TestCluster.started();
    const leader = cluster.leader!;
    expect(brief(await cluster.run(leader.write(put('a', '1'))))).toBe('written 1');
    const waits = leader.write(put('a', '2'));
    const reads = leader.read('a');
    leader.replica.suspend();
    leader.replica.suspend();
    expect(brief(await cluster.run(waits))).toBe('NO_LEADER NOT_APPLIED');
    expect(brief(await cluster.run(reads))).toBe('NO_LEADER NOT_APPLIED');
    const { term } = leader.replica.status();
    expect(leader.replica.status().state).toBe('stopped');
    expect(leader.replica.routeHint().leaderNodeId).toBe(0);
    const others = cluster.nodes.filter((node) => node !== leader);
    await cluster.until('the others elect one', () =>
      others.some(({ replica }) => replica.isLeader),
    );
    const next = others.find(({ replica }) => replica.isLeader)!;
    expect(brief(await cluster.run(next.write(put('a', '3'))))).toBe('written 2');
    for (const level of ['linearizable', 'eventual'] as const) {
      expect(brief(await cluster.run(leader.read('a', { level })))).toBe('NO_LEADER NOT_APPLIED');
    }
    expect(brief(await cluster.run(leader.write(put('a', '4'))))).toBe('NO_LEADER NOT_APPLIED');
    expect(leader.replica.status().term).toBe(term);

    leader.replica.resume();
    await cluster.until('it follows', () => leader.replica.leaderNodeId === next.nodeId);
    expect(leader.replica.status().state).toBe('serving');
    expect(brief(await cluster.run(leader.read('a')))).toBe('found 3 2');
  });

  it('says IN_DOUBT of what was proposed', async () => {
    const cluster = await TestCluster.started();
    const leader = cluster.leader!;
    cluster.isolate(leader.nodeId);
    const waits = leader.write(put('a', '1'));
    await cluster.scheduler.advance(5);
    leader.replica.suspend();
    expect(brief(await cluster.run(waits))).toBe('IN_DOUBT UNKNOWN');
  });

  it('closes all the same', async () => {
    const alone = await Alone.started();
    alone.node.replica.suspend();
    await alone.run(alone.node.stop());
    await alone.start();
    expect(await alone.write(put('k', 'v'))).toBe('written 1');
  });
});
