import { put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

describe('a disk that fails one member', () => {
  it('a leader whose tables find no space for long hands over', async () => {
    const cluster = await TestCluster.started({ memtableBytes: 4096 });
    const leader = cluster.leader as TestNode;
    leader.fs.failNext({ kind: 'create', path: /\.sst/ }, 'ENOSPC', 1_000_000);
    for (let i = 0; i < 60; i++) {
      await cluster.run(leader.write(put(`k${i}`, 'x'.repeat(2000)), { timeoutMs: 1000 }));
      await cluster.scheduler.advance(50);
    }
    await cluster.scheduler.advance(60_000);
    expect(cluster.leader).not.toBe(leader);
    const next = cluster.leader as TestNode;
    expect(brief(await cluster.run(next.write(put('after', 'x'))))).toMatch(/^written/);
  });

  it('a member whose newest log segments vanished refuses to start, and nothing acknowledged is lost', async () => {
    const cluster = await TestCluster.started({ settings: { freezeLogEntries: 10 } });
    const leader = cluster.leader as TestNode;
    const [b, c] = cluster.followers as [TestNode, TestNode];
    const large = 'x'.repeat(20_000);
    for (let i = 0; i < 60; i++) {
      await cluster.run(leader.write(put(`k${i % 10}`, `${i}${large}`)));
    }
    await cluster.untilEqual();
    await cluster.scheduler.advance(500);
    // Only the leader and B have the last write; then B's newest segments are gone.
    c.crash();
    expect(brief(await cluster.run(leader.write(put('m', 'acknowledged'))))).toBe('written 61');
    await cluster.scheduler.advance(100);
    leader.crash();
    b.crash();
    for (const name of b.fs.list('/data/wal').slice(2)) b.fs.remove(`/data/wal/${name}`);
    await expect(cluster.run(b.start())).rejects.toMatchObject({ code: 'REPLICA_LOG_LOST' });
    await cluster.run(c.start());
    await cluster.scheduler.advance(3000);
    expect(cluster.leader).toBeNull();
    await cluster.run(leader.start());
    await cluster.untilLed([leader, c]);
    const next = cluster.leader as TestNode;
    expect(brief(await cluster.run(next.read('m')))).toBe('found acknowledged 61');
  });
});
