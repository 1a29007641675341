import { DougError } from '@dougdb/rpc-proto';
import { Alone } from './support/alone.js';
import { bytesOf, put, textOf } from './support/commands.js';
import { at } from './support/levels.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

const floors = (cluster: TestCluster): number[] =>
  cluster.running.map((node) => node.replica.status().historyFloor);

/** Tables all the time, and the log no longer than it must be. */
const tight = { freezeLogEntries: 6, retainLogBytes: 0 };

function valueAt(node: TestNode, revision: number): string | null {
  const found = node.db.getSync(bytesOf('k'), revision);
  return found === null ? null : textOf(found.value);
}

const deadline = (node: TestNode): number => node.clock.monotonicMs() + 3000;

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    return `done ${await promise}`;
  } catch (error) {
    return DougError.is(error) ? `${error.reason} ${error.outcome}` : String(error);
  }
}

/** A write every 100 ms for so long. */
async function writeFor(cluster: TestCluster, durationMs: number): Promise<void> {
  for (let at = 0; at < durationMs; at += 100) {
    await cluster.writeUntilKnown(put(`k${at % 500}`, `${at}`));
    await cluster.scheduler.advance(100);
  }
}

describe('the history floor', () => {
  it('follows log time at the distance of the history, the same on every replica', async () => {
    const cluster = await TestCluster.started({ settings: { historyMs: 20_000 } });
    await writeFor(cluster, 19_000);
    expect(floors(cluster)).toEqual([0, 0, 0]);
    await writeFor(cluster, 15_000);
    await cluster.untilEqual();
    const [floor = 0] = floors(cluster);
    expect(new Set(floors(cluster)).size).toBe(1);
    const { revision } = (cluster.leader as TestNode).replica;
    // What is younger than the history is kept; what is older by more than a tenth and a hundredth is not.
    expect(revision - floor).toBeGreaterThanOrEqual(150);
    expect(revision - floor).toBeLessThan(250);
    expect(new Set(cluster.nodes.map((node) => node.replica.status().hash)).size).toBe(1);
  });

  it('comes to rest at the newest revision of a partition to which nothing is written', async () => {
    const cluster = await TestCluster.started({ settings: { historyMs: 5000 } });
    await writeFor(cluster, 1000);
    const { revision } = (cluster.leader as TestNode).replica;
    await cluster.scheduler.advance(6100);
    expect(floors(cluster)).toEqual([revision, revision, revision]);
    const { lastIndex } = (cluster.leader as TestNode).replica.status();
    await cluster.scheduler.advance(20_000);
    expect((cluster.leader as TestNode).replica.status().lastIndex).toBe(lastIndex);
  });

  it('goes on under the next leader where it stood, and under one that was restarted', async () => {
    const cluster = await TestCluster.started({ settings: { historyMs: 5000 } });
    await writeFor(cluster, 6000);
    (cluster.leader as TestNode).crash();
    await cluster.untilLed();
    const [before = 0] = floors(cluster);
    expect(before).toBeGreaterThan(0);
    await writeFor(cluster, 1500);
    // It did not begin anew: the samples of a replica do not depend on who led.
    expect(Math.min(...floors(cluster))).toBeGreaterThan(before);
    for (const node of cluster.nodes) if (node.running) node.crash();
    for (const node of cluster.nodes) await cluster.run(node.start());
    await cluster.untilLed();
    await cluster.untilEqual();
    expect(floors(cluster).every((floor) => floor >= before)).toBe(true);
    await writeFor(cluster, 7000);
    const { revision } = (cluster.leader as TestNode).replica;
    expect(floors(cluster).every((floor) => revision - floor < 75)).toBe(true);
  });

  it('moves at the wish of an operator, at the leader alone, never back and never ahead', async () => {
    const cluster = await TestCluster.started();
    for (let i = 1; i <= 9; i++) await cluster.writeUntilKnown(put('k', `${i}`));
    await cluster.untilEqual();
    const leader = cluster.leader as TestNode;
    const [follower] = cluster.followers as [TestNode];
    expect(await cluster.run(leader.replica.compact(5, deadline(leader)))).toBe(5);
    await cluster.untilEqual();
    expect(floors(cluster)).toEqual([5, 5, 5]);
    expect(await cluster.run(leader.replica.compact(3, deadline(leader)))).toBe(5);
    expect(await refusal(leader.replica.compact(10, deadline(leader)))).toBe(
      'FUTURE_REVISION NOT_APPLIED',
    );
    expect(await refusal(follower.replica.compact(7, deadline(follower)))).toBe(
      'NOT_LEADER NOT_APPLIED',
    );
    expect(await cluster.run(leader.replica.compact(0, deadline(leader)))).toBe(9);
    expect(brief(await cluster.run(leader.read('k')))).toBe('found 9 9');
    expect(leader.replica.revision).toBe(9);
  });

  it('INVARIANT(history-floor-by-entry): is what every replica refuses by, whatever its tables still hold', async () => {
    const cluster = await TestCluster.started();
    for (let i = 1; i <= 9; i++) await cluster.writeUntilKnown(put('k', `v${i}`));
    const leader = cluster.leader as TestNode;
    await cluster.run(leader.replica.compact(5, deadline(leader)));
    await cluster.untilEqual();
    const none = new Uint8Array(0);
    for (const node of cluster.nodes) {
      const read = async (revision: number): Promise<string> =>
        brief(await cluster.run(node.read('k', { level: at(revision) })));
      expect([await read(4), await read(5), await read(9)]).toEqual([
        'COMPACTED NOT_APPLIED',
        'found v5 5',
        'found v9 9',
      ]);
      expect(valueAt(node, 4)).toBe('v4');
      const range = { start: none, end: none, reverse: false, keysOnly: false };
      const options = { ...range, deadlineMs: deadline(node), level: at(4) };
      expect(await refusal(node.replica.scan(options, 0))).toBe('COMPACTED NOT_APPLIED');
    }
  });

  it('does not end what was begun above it', async () => {
    const alone = await Alone.started({ settings: { historyMs: 0 }, memtableBytes: 4000 });
    const { node } = alone;
    for (let i = 1; i <= 50; i++) await alone.write(put(`k${i}`, 'old'));
    const none = new Uint8Array(0);
    const options = { start: none, end: none, reverse: false, keysOnly: false, level: at(50) };
    const opened = node.replica.scan({ ...options, deadlineMs: deadline(node) }, 0);
    const { iterator } = await alone.run(opened);
    expect(iterator.next()).toBe(true);
    for (let i = 1; i <= 50; i++) await alone.write(put(`k${i}`, 'new'));
    await alone.run(node.replica.compact(0, deadline(node)));
    for (let i = 1; i <= 50; i++) await alone.write(put(`k${i}`, 'newest'));
    await alone.run(node.db.flushed());
    await alone.run(node.db.compactRange());
    let count = 1;
    while (iterator.next()) {
      expect(textOf(iterator.value())).toBe('old');
      count++;
    }
    iterator.close();
    expect([
      count,
      await refusal(node.replica.scan({ ...options, deadlineMs: deadline(node) }, 0)),
    ]).toEqual([50, 'COMPACTED NOT_APPLIED']);
  });

  it('tells who asked for it that the leader changed meanwhile', async () => {
    const cluster = await TestCluster.started();
    await cluster.writeUntilKnown(put('k', '1'));
    const leader = cluster.leader as TestNode;
    cluster.isolate(leader.nodeId);
    const asked = leader.replica.compact(1, deadline(leader));
    const answer = refusal(asked);
    await cluster.scheduler.advance(1000);
    expect(await cluster.run(answer)).toBe('IN_DOUBT UNKNOWN');
  });

  it('INVARIANT(history-floor-durable): lets nothing be dropped that a replica might show after a power loss', async () => {
    // The power of one replica fails at each operation of its disk after an entry has moved the floor and while
    // its tables are compacted. It starts alone: it may not know that the entry was committed.
    let shownBelowFloor = 0;
    for (let operations = 0; operations <= 45; operations += 3) {
      const cluster = await TestCluster.started({
        settings: tight,
        node: () => ({ level0Tables: 100 }),
      });
      const [node] = cluster.followers as [TestNode];
      const revision = 20;
      for (let i = 1; i <= revision; i++) await cluster.writeUntilKnown(put('k', `v${i}`));
      await cluster.untilEqual();
      await cluster.scheduler.advance(50);
      const leader = cluster.leader as TestNode;
      await cluster.run(leader.replica.compact(revision, deadline(leader)));
      await cluster.until('the floor', () => node.replica.status().historyFloor === revision);
      if (operations > 0) node.fs.crashAtMutation(operations);
      node.db.compactRange().catch(() => undefined);
      await cluster.scheduler.advance(50);
      node.crash(operations % 2 === 0 ? 0 : 100);
      cluster.isolate(node.nodeId);
      await cluster.run(node.start());
      await cluster.until('service', () => node.replica.status().state === 'serving');
      const status = node.replica.status();
      if (status.historyFloor < revision) shownBelowFloor++;
      for (let at = Math.max(1, status.historyFloor); at <= status.revision; at++) {
        expect([operations, at, valueAt(node, at)]).toEqual([operations, at, `v${at}`]);
      }
    }
    // The case that this is about did occur.
    expect(shownBelowFloor).toBeGreaterThan(3);
  });

  it('is replayed to the same after a restart, whatever was compacted', async () => {
    const settings = { freezeLogEntries: 5, retainLogBytes: 0, historyMs: 2000 };
    const cluster = await TestCluster.started({ settings, memtableBytes: 2000 });
    await writeFor(cluster, 6000);
    await cluster.untilEqual();
    const before = cluster.nodes.map((node) => node.replica.status());
    for (const node of cluster.nodes) {
      node.crash();
      await cluster.run(node.start());
    }
    await cluster.untilLed();
    await cluster.untilEqual();
    const after = cluster.nodes.map((node) => node.replica.status());
    expect(new Set(after.map(({ hash }) => hash)).size).toBe(1);
    expect(after.map(({ historyFloor, revision }) => [historyFloor, revision])).toEqual(
      before.map(({ historyFloor, revision }) => [historyFloor, revision]),
    );
  });
});
