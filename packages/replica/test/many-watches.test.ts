import { defaultWatchSettings } from '@dougdb/replica';
import { put } from './support/commands.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';
import { positionOf, Watcher } from './support/watcher.js';

const SMALL = 1_000;
const WHOLE = 20;
const WRITES = 1_500;

const keyOf = (n: number): string => `k${String(n).padStart(4, '0')}`;

/** One who hears of [start, end) on some node, and goes on elsewhere when that is gone. */
class Listener {
  readonly told: string[] = [];
  readonly #start: string;
  readonly #end: string;
  #watcher: Watcher | null = null;
  #node: TestNode | null = null;

  constructor(start: string, end: string) {
    this.#start = start;
    this.#end = end;
  }

  listen(node: TestNode): void {
    const from = this.#watcher?.position ?? positionOf(0);
    this.told.push(...(this.#watcher?.briefly ?? []));
    this.#node = node;
    this.#watcher = new Watcher(node, { start: this.#start, end: this.#end, from });
  }

  get isLost(): boolean {
    return this.#node?.running !== true;
  }

  all(): string[] {
    return [...this.told, ...(this.#watcher?.briefly ?? [])];
  }
}

describe('a thousand watches of a thousandth each, and twenty of everything', () => {
  it('hear every change once and in order while the leader loses its power', async () => {
    const watch = { ...defaultWatchSettings, ringBytes: 64 << 10 };
    const cluster = await TestCluster.started({ settings: { watch }, memtableBytes: 32 << 10 });
    const listeners = [
      ...Array.from({ length: SMALL }, (_, n) => new Listener(keyOf(n), keyOf(n + 1))),
      ...Array.from({ length: WHOLE }, () => new Listener('a', 'z')),
    ];
    for (const [n, listener] of listeners.entries()) listener.listen(cluster.node(1 + (n % 3)));
    const written: string[][] = Array.from({ length: SMALL }, () => []);
    const everything: string[] = [];
    for (let n = 0; n < WRITES; n += 50) {
      const batch = Array.from({ length: 50 }, (_, i) => n + i);
      if (n === WRITES / 2) {
        const leader = cluster.leader as TestNode;
        leader.crash();
        await cluster.untilLed();
        for (const listener of listeners) {
          if (listener.isLost) listener.listen(cluster.running[0] as TestNode);
        }
      }
      const leader = cluster.leader as TestNode;
      const answers = await cluster.run(
        Promise.all(batch.map((i) => leader.write(put(keyOf((i * 7) % SMALL), `${i}`)))),
      );
      for (const [at, answer] of answers.entries()) {
        if (answer.kind !== 'written') throw new Error(`answered ${answer.kind}`);
        const i = n + at;
        const change = `${keyOf((i * 7) % SMALL)}=${i}@${answer.revision}`;
        written[(i * 7) % SMALL]?.push(change);
        everything.push(change);
      }
      await cluster.scheduler.advance(10);
    }
    await cluster.untilEqual();
    await cluster.scheduler.advance(100);
    for (const [n, listener] of listeners.entries()) {
      expect(listener.all()).toEqual(n < SMALL ? written[n] : everything);
    }
    for (const node of cluster.running) {
      const { watches, slow, ringBytes } = node.replica.watchLoad;
      expect([watches > 300, slow]).toEqual([true, 0]);
      expect(ringBytes).toBeLessThan(128 << 10);
    }
  });
});
