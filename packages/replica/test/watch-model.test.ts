import type { SimRandom } from '@dougdb/ports/sim';
import { defaultWatchSettings, type Replica, WindowBudget } from '@dougdb/replica';
import { DeleteRangeResult, type LookedWrite } from '@dougdb/rpc-proto';
import { del, opId, put } from './support/commands.js';
import { type Answer, brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';
import { deleteRange, putStep, txn } from './support/txns.js';
import { positionOf, type ToldChange, Watcher, type WatcherOptions } from './support/watcher.js';

const SEED = Number(process.env.DOUG_SEED ?? 1);
const ROUNDS = Number(process.env.DOUG_ROUNDS ?? 3);
const KEYS = Array.from({ length: 12 }, (_, n) => `k${String.fromCharCode(97 + n)}`);

interface Change {
  readonly revision: number;
  readonly key: string;
  readonly value: string | null;
}

/** What a command did to keys, given what was there before it. */
type Effect = (there: ReadonlyMap<string, string>) => readonly Omit<Change, 'revision'>[];

/** What the answers of writes say that has happened: revisions are dense, so nothing is missing. */
class Model {
  readonly #effects = new Map<number, Effect>();

  add(revision: number, effect: Effect): void {
    if (this.#effects.has(revision)) throw new Error(`two commands at revision ${revision}`);
    this.#effects.set(revision, effect);
  }

  get revision(): number {
    return Math.max(0, ...this.#effects.keys());
  }

  /** Every change, in the order in which it is to be told. */
  all(): Change[] {
    const there = new Map<string, string>();
    const all: Change[] = [];
    for (let revision = 1; revision <= this.revision; revision++) {
      const effect = this.#effects.get(revision);
      if (effect === undefined) throw new Error(`nobody was answered revision ${revision}`);
      const changes = [...effect(there)].sort((a, b) => (a.key < b.key ? -1 : 1));
      for (const { key, value } of changes) {
        all.push({ revision, key, value });
        if (value === null) there.delete(key);
        else there.set(key, value);
      }
    }
    return all;
  }
}

/** Somebody who wants to hear everything of a range, and resumes by nothing but the last position. */
class Follower {
  readonly told: ToldChange[] = [];
  readonly options: WatcherOptions;
  replica: Replica | null = null;
  watcher: Watcher | null = null;
  position = positionOf(0);
  resumed = 0;
  readonly endings = new Map<string, number>();
  #taken = 0;

  constructor(options: WatcherOptions) {
    this.options = options;
  }

  follow(node: TestNode): void {
    this.replica = node.replica;
    this.resumed++;
    this.#taken = 0;
    this.watcher = new Watcher(node, { ...this.options, from: this.position });
  }

  /** Takes over what was told; true if the watch is over. */
  take(): boolean {
    const { watcher } = this;
    if (watcher === null) return true;
    this.told.push(...watcher.changes.slice(this.#taken));
    this.#taken = watcher.changes.length;
    if (watcher.position !== null) this.position = watcher.position;
    if (watcher.over === null) return false;
    const { error, position } = watcher.over;
    this.endings.set(error.reason, (this.endings.get(error.reason) ?? 0) + 1);
    // A position of an end is as good as that of the last answer.
    if (position !== null) this.position = position;
    this.watcher = null;
    return true;
  }

  leave(): void {
    this.watcher?.handle.cancel();
    this.take();
    this.watcher = null;
  }

  expected(all: readonly Change[]): ToldChange[] {
    const { start = 'a', end = 'z', noPuts, noDeletes, previous } = this.options;
    const last = new Map<string, Change>();
    const expected: ToldChange[] = [];
    for (const change of all) {
      const before = last.get(change.key);
      last.set(change.key, change);
      if (change.key < start || change.key >= end) continue;
      if (change.value === null ? noDeletes : noPuts) continue;
      const isThere = previous === true && before !== undefined && before.value !== null;
      expected.push({
        ...change,
        expiresAt: 0,
        previous: isThere ? [before.value as string, before.revision] : null,
      });
    }
    return expected;
  }
}

const followers = (): Follower[] => [
  new Follower({}),
  new Follower({ previous: true }),
  new Follower({ creditBytes: 300 }),
  new Follower({ noPuts: true, creditBytes: 40 }),
  new Follower({ noDeletes: true, start: 'kc' }),
  new Follower({ start: 'kb', end: 'kf', previous: true, creditBytes: 500 }),
  ...KEYS.map((key) => new Follower({ start: key, end: `${key}0` })),
];

/** Random writes, crashes, transfers and pauses under followers that come and go. */
class Story {
  readonly random: SimRandom;
  readonly cluster: TestCluster;
  readonly model = new Model();
  readonly followers = followers();
  readonly failures: string[] = [];
  #open = 0;
  #seq = 0;

  constructor(cluster: TestCluster, random: SimRandom) {
    this.cluster = cluster;
    this.random = random;
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#act();
      await this.cluster.scheduler.advance(this.random.int(12));
      this.#followOn();
      if (this.#open > 40) await this.cluster.until('fewer open', () => this.#open < 10, 60_000);
    }
    await this.cluster.until('all written', () => this.#open === 0, 60_000);
    await this.#settle();
  }

  #act(): void {
    const { random, cluster } = this;
    const roll = random.int(1000);
    if (roll < 700) this.#write();
    else if (roll < 960) this.#disturbFollower();
    else if (roll < 972) cluster.crashFor(this.#anyNode(), random.int(400), random.int(100));
    else if (roll < 980) cluster.leader?.replica.transferLeadership();
    else if (roll < 990) this.#compactAll();
  }

  #anyNode(): TestNode {
    return this.cluster.nodes[this.random.int(this.cluster.nodes.length)] as TestNode;
  }

  #compactAll(): void {
    for (const { db } of this.cluster.running) db.compact().catch(() => undefined);
  }

  #write(): void {
    const { random } = this;
    if (this.cluster.running.length === 0) return;
    const key = KEYS[random.int(KEYS.length)] as string;
    const seq = ++this.#seq;
    const id = opId(seq, this.#now(), 1);
    const value = `${seq}`.padStart(random.int(8) === 0 ? 300 : 12, '.');
    switch (random.int(10)) {
      case 0:
        this.#send(
          deleteRange(key, 'kz', 3, id),
          (there) =>
            [...there.keys()]
              .filter((one) => one >= key)
              .sort()
              .slice(0, 3)
              .map((one) => ({ key: one, value: null })),
          ({ result }) => DeleteRangeResult.decode(result ?? new Uint8Array(0)).deleted === 0,
        );
        break;
      case 1:
      case 2: {
        const keys = KEYS.filter(() => random.int(3) === 0).concat(key);
        const changes = [...new Set(keys)].map((one) => ({ key: one, value }));
        const success = changes.map((change) => putStep(change.key, value));
        this.#send(txn({ success }, id), () => changes);
        break;
      }
      case 3:
      case 4:
        this.#send(del(key, id), () => [{ key, value: null }]);
        break;
      default:
        this.#send(put(key, value, id), () => [{ key, value }]);
    }
  }

  #now(): number {
    return (this.cluster.running[0] as TestNode).replica.header().logTime;
  }

  /** @param isEmpty - whether a command has found nothing to do, and so takes no revision */
  #send(
    command: Uint8Array,
    effect: Effect,
    isEmpty: (write: LookedWrite) => boolean = () => false,
  ): void {
    this.#open++;
    const answered = (answer: Answer): void => {
      this.#open--;
      if (answer.kind === 'written') this.model.add(answer.revision, effect);
      else if (answer.kind !== 'looked') this.failures.push(brief(answer));
      else if (!isEmpty(answer.write)) this.model.add(answer.write.revision, effect);
    };
    this.cluster
      .writeUntilKnown(command, 60_000)
      .then(answered)
      .catch((error: unknown) => this.failures.push(String(error)));
  }

  #disturbFollower(): void {
    const { random } = this;
    const follower = this.followers[random.int(this.followers.length)] as Follower;
    const { watcher } = follower;
    if (watcher === null) return;
    switch (random.int(4)) {
      case 0:
        follower.leave();
        break;
      case 1:
        watcher.isFull = true;
        break;
      default:
        watcher.isFull = false;
        watcher.handle.resume();
        watcher.handle.give(random.int(400));
    }
  }

  /** Those without a watch, or whose node is gone, go elsewhere. */
  #followOn(): void {
    const { running } = this.cluster;
    for (const follower of this.followers) {
      const isLost = !running.some(({ replica }) => replica === follower.replica);
      if (!follower.take() && !isLost) continue;
      const target = running[Math.floor(this.random.next() * running.length)];
      if (target !== undefined) follower.follow(target);
    }
  }

  async #settle(): Promise<void> {
    const { cluster, model } = this;
    await cluster.until('all nodes', () => cluster.running.length === cluster.nodes.length);
    await cluster.untilLed();
    await cluster.untilEqual();
    const isDone = (): boolean => {
      this.#followOn();
      for (const { watcher } of this.followers) {
        if (watcher === null) continue;
        watcher.isFull = false;
        watcher.handle.resume();
        watcher.handle.give(1000);
      }
      return this.followers.every(({ position }) => position.revision === model.revision);
    };
    await cluster.until('everybody to know all', isDone, 60_000);
  }
}

const settings = {
  watch: { ...defaultWatchSettings, ringBytes: 6000, windowEvents: 20, batchBytes: 300 },
};

async function story(seed: number): Promise<Story> {
  const cluster = await TestCluster.started({
    seed,
    settings,
    memtableBytes: 3000,
    node: (nodeId) => ({
      level0Tables: nodeId,
      cacheBytes: nodeId * 2000,
      watchBudget: new WindowBudget(12_000, 4000),
      // On one of them every slice is over at once: what is matched waits, and may be forgotten meanwhile.
      settings: { ...settings, applySliceMs: nodeId === 2 ? 0 : 2 },
    }),
  });
  const run = new Story(cluster, cluster.random.fork('story'));
  await run.run(400);
  return run;
}

describe('followers of a partition', () => {
  const seeds = Array.from({ length: ROUNDS }, (_, n) => SEED + n);
  it.each(seeds)(
    'INVARIANT(watch-once): are told every change of theirs once and in order, DOUG_SEED=%i DOUG_ROUNDS=1',
    async (seed) => {
      const { model, followers: all, failures } = await story(seed);
      expect(failures).toEqual([]);
      const changes = model.all();
      expect(changes.length).toBeGreaterThan(200);
      for (const follower of all) expect(follower.told).toEqual(follower.expected(changes));
      const resumed = all.reduce((sum, follower) => sum + follower.resumed, 0);
      expect(resumed).toBeGreaterThan(2 * all.length);
    },
  );
});
