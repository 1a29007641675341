import { SimRandom } from '@dougdb/ports/sim';
import { Consistency } from '@dougdb/rpc-proto';
import { bytesOf, del, put, textOf } from './support/commands.js';
import { at } from './support/levels.js';
import { type Answer, brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

const readAt = (node: TestNode, key: string, revision: number, timeoutMs = 5000): Promise<Answer> =>
  node.read(key, { level: at(revision), timeoutMs });

/** 'a=1@4 b=2@7' */
async function scanAt(
  cluster: TestCluster,
  node: TestNode,
  revision: number,
  reverse = false,
): Promise<string> {
  const none = new Uint8Array(0);
  const deadlineMs = node.clock.monotonicMs() + 5000;
  const range = { start: none, end: none, reverse, keysOnly: false, deadlineMs };
  const view = await cluster.run(node.replica.scan({ ...range, level: at(revision) }, 0));
  expect([view.revision, view.mark.served]).toEqual([
    revision,
    Consistency.CONSISTENCY_AT_REVISION,
  ]);
  const { iterator } = view;
  const found: string[] = [];
  while (iterator.next()) {
    found.push(`${textOf(iterator.key())}=${textOf(iterator.value())}@${iterator.sequence()}`);
  }
  iterator.close();
  return found.join(' ');
}

/** What each revision of a partition looked like, as a model has it. */
class History {
  readonly #states: Map<string, string>[] = [new Map()];

  apply(key: string, value: string | null): void {
    const revision = this.#states.length;
    const state = new Map(this.#states[revision - 1]);
    if (value === null) state.delete(key);
    else state.set(key, `${value}@${revision}`);
    this.#states.push(state);
  }

  get revision(): number {
    return this.#states.length - 1;
  }

  at(revision: number): string {
    const entries = [...(this.#states[revision] as Map<string, string>)].sort();
    return entries.map(([key, value]) => `${key}=${value}`).join(' ');
  }

  get(key: string, revision: number): string {
    const found = this.#states[revision]?.get(key);
    return found === undefined ? 'absent' : `found ${found.replace('@', ' ')}`;
  }
}

describe('a read at a revision', () => {
  it.each([1, 2])(
    'answers the same on every replica, whatever is written meanwhile (seed %d)',
    async (seed) => {
      const cluster = await TestCluster.started({ seed });
      const leader = await cluster.untilLed();
      const random = new SimRandom(`history/${seed}`);
      const history = new History();
      const keys = ['b', 'c', 'd', 'e'];
      for (let i = 0; i < 60; i++) {
        const key = keys[Math.floor(random.next() * keys.length)] as string;
        const value = random.next() < 0.7 ? `v${i}` : null;
        const command = value === null ? del(key) : put(key, value);
        history.apply(key, value);
        const write = leader.write(command);
        // One that is in flight, and all that may be asked for.
        const revision = Math.floor(random.next() * (history.revision + 1));
        const node = cluster.nodes[Math.floor(random.next() * 3)] as TestNode;
        const asked = keys[Math.floor(random.next() * keys.length)] as string;
        if (revision > 0) {
          const answer = await cluster.run(readAt(node, asked, revision));
          expect(brief(answer)).toBe(history.get(asked, revision));
        }
        expect(brief(await cluster.run(write))).toBe(`written ${history.revision}`);
      }
      for (const revision of [1, 17, 30, 59, 60]) {
        for (const node of cluster.nodes) {
          expect(await scanAt(cluster, node, revision)).toBe(history.at(revision));
          const reversed = history.at(revision).split(' ').reverse().join(' ');
          expect(await scanAt(cluster, node, revision, true)).toBe(reversed);
        }
      }
    },
  );

  it('waits for one that is not applied here yet', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    const [behind] = cluster.followers as [TestNode];
    cluster.isolate(behind.nodeId);
    await cluster.run(leader.write(put('k', 'v1')));
    await cluster.run(leader.write(put('k', 'v2')));
    const reads = [readAt(behind, 'k', 1), readAt(behind, 'k', 2), readAt(behind, 'k', 3)];
    const scan = scanAt(cluster, behind, 1);
    await cluster.scheduler.advance(100);
    expect(behind.sink.answers.size).toBe(0);
    cluster.heal();
    expect(await scan).toBe('k=v1@1');
    expect((await cluster.run(Promise.all(reads.slice(0, 2)))).map(brief)).toEqual([
      'found v1 1',
      'found v2 2',
    ]);
    expect(brief(await cluster.run(leader.write(put('k', 'v3'))))).toBe('written 3');
    expect(brief(await cluster.run(reads[2] as Promise<Answer>))).toBe('found v3 3');
  });

  it('is FUTURE_REVISION when it has not come by the deadline', async () => {
    const cluster = await TestCluster.started();
    const leader = await cluster.untilLed();
    await cluster.run(leader.write(put('k', 'v')));
    for (const node of cluster.nodes) {
      const startMs = cluster.scheduler.nowMs;
      const answer = await cluster.run(readAt(node, 'k', 99, 200));
      expect(brief(answer)).toBe('FUTURE_REVISION NOT_APPLIED');
      expect(cluster.scheduler.nowMs - startMs).toBeGreaterThanOrEqual(190);
    }
    const none = new Uint8Array(0);
    const deadlineMs = leader.clock.monotonicMs() + 50;
    const range = { start: none, end: none, reverse: false, keysOnly: false, deadlineMs };
    const scan = leader.replica.scan({ ...range, level: at(99) }, 0);
    await expect(cluster.run(scan)).rejects.toMatchObject({ code: 'DOUG_FUTURE_REVISION' });
  });

  it('that waits counts: one too many is BUSY', async () => {
    const cluster = await TestCluster.started({ settings: { maxQueuedReads: 2 } });
    const [node] = cluster.nodes as [TestNode];
    const answers = Array.from({ length: 3 }, () => readAt(node, 'k', 99, 50));
    expect((await cluster.run(Promise.all(answers))).map(brief)).toEqual([
      'FUTURE_REVISION NOT_APPLIED',
      'FUTURE_REVISION NOT_APPLIED',
      'BUSY NOT_APPLIED',
    ]);
  });

  it('that waits does not hold up a replica that goes down', async () => {
    const cluster = await TestCluster.started();
    const [node] = cluster.followers as [TestNode];
    const read = readAt(node, 'k', 99);
    const startMs = cluster.scheduler.nowMs;
    await cluster.run(node.replica.drain(startMs + 3000));
    expect(brief(await cluster.run(read))).toBe('DRAINING NOT_APPLIED');
    expect(cluster.scheduler.nowMs - startMs).toBeLessThan(100);
  });

  it('that waits is answered when the replica stops', async () => {
    const cluster = await TestCluster.started();
    const [node] = cluster.followers as [TestNode];
    const read = readAt(node, 'k', 99);
    await cluster.run(node.replica.close());
    expect(brief(await cluster.run(read))).toMatch(/^(NOT_LEADER|NO_LEADER) NOT_APPLIED$/);
  });
});

describe('history that is compacted', () => {
  it.each([1, 2])(
    'answers as before down to its floor, and COMPACTED below it, on every replica (seed %d)',
    async (seed) => {
      const settings = { freezeLogEntries: 8, retainLogBytes: 0 };
      const cluster = await TestCluster.started({ seed, settings });
      const leader = await cluster.untilLed();
      const random = new SimRandom(`compacted/${seed}`);
      const history = new History();
      const keys = ['b', 'c', 'd', 'e'];
      const write = async (): Promise<void> => {
        const key = keys[Math.floor(random.next() * keys.length)] as string;
        const value = random.next() < 0.7 ? `v${history.revision}` : null;
        history.apply(key, value);
        const command = value === null ? del(key) : put(key, value);
        expect(brief(await cluster.run(leader.write(command)))).toBe(`written ${history.revision}`);
      };
      let floor = 0;
      for (let i = 0; i < 120; i++) {
        await write();
        if (random.next() < 0.1) {
          const target = floor + Math.floor(random.next() * (history.revision - floor + 1));
          const { clock, replica } = leader;
          floor = await cluster.run(replica.compact(target, clock.monotonicMs() + 5000));
          expect(floor).toBe(Math.max(1, target));
          await cluster.untilEqual();
        }
        if (random.next() < 0.1) {
          const node = cluster.nodes[Math.floor(random.next() * 3)] as TestNode;
          await cluster.run(node.db.compact());
        }
        const revision = 1 + Math.floor(random.next() * history.revision);
        const key = keys[Math.floor(random.next() * keys.length)] as string;
        const expected = revision < floor ? 'COMPACTED NOT_APPLIED' : history.get(key, revision);
        for (const node of cluster.nodes) {
          expect(brief(await cluster.run(readAt(node, key, revision)))).toBe(expected);
        }
      }
      for (const node of cluster.nodes) {
        await cluster.run(node.db.compact());
        expect(await scanAt(cluster, node, floor)).toBe(history.at(floor));
        await expect(scanAt(cluster, node, floor - 1)).rejects.toMatchObject({
          code: 'DOUG_COMPACTED',
        });
      }
    },
  );
});

describe('the view of a scan', () => {
  it('stays as it was while tables are flushed, compacted and their history goes', async () => {
    const settings = { freezeLogEntries: 20, retainLogBytes: 0 };
    const cluster = await TestCluster.started({ settings, size: 1 });
    const leader = await cluster.untilLed();
    for (let i = 0; i < 50; i++) await cluster.run(leader.write(put(`k${i % 10}`, `old${i}`)));
    const none = new Uint8Array(0);
    const deadlineMs = leader.clock.monotonicMs() + 5000;
    const range = { start: none, end: none, reverse: false, keysOnly: false, deadlineMs };
    const { iterator, revision } = await cluster.run(
      leader.replica.scan({ ...range, level: at(leader.replica.revision) }, 0),
    );
    iterator.next();
    const found = [textOf(iterator.value())];
    for (let i = 0; i < 200; i++) await cluster.run(leader.write(put(`k${i % 10}`, `new${i}`)));
    await cluster.run(leader.replica.compact(0, leader.clock.monotonicMs() + 5000));
    for (let i = 0; i < 50; i++) await cluster.run(leader.write(put('y', 'y'.repeat(100))));
    await cluster.run(leader.db.compact());
    expect(brief(await cluster.run(readAt(leader, 'k1', revision)))).toBe('COMPACTED NOT_APPLIED');
    while (iterator.next()) found.push(textOf(iterator.value()));
    iterator.close();
    expect(revision).toBe(50);
    expect(found).toEqual(Array.from({ length: 10 }, (_, i) => `old${40 + i}`));
    expect(textOf((await leader.db.get(bytesOf('k1')))?.value ?? none)).toBe('new191');
  });
});
