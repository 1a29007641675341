import { DougClient, DougError, type Watch, type WatchEvent } from '@dougdb/client';
import { killLeftovers, type Program, removeTempDirs } from '@dougdb/host/testing';
import { Cluster, facadeArgs, startFacade } from './support/cluster.js';

// Starting processes takes seconds on a busy machine.
jest.setTimeout(60_000);

let cluster: Cluster;
let facades: Program[];
let endpoints: string[];

beforeAll(async () => {
  cluster = await Cluster.start(3, ['h', 'p']);
  facades = [0, 1].map(() => startFacade(facadeArgs(cluster.addresses)));
  endpoints = await Promise.all(facades.map(async (facade) => (await facade.addresses()).grpc));
});
afterAll(async () => {
  await killLeftovers();
  removeTempDirs();
});

/** One key in each partition, and more. */
const keys = ['a', 'c', 'h', 'k', 'p', 'z'];

/** The values of all keys, as they were told, until each has the last one. */
async function watchKeys(watch: Watch<WatchEvent>, last: string): Promise<Map<string, string[]>> {
  const told = new Map<string, string[]>(keys.map((key) => [key, []]));
  for await (const event of watch) {
    if (event.type === 'put') told.get(event.key)?.push(event.value);
    if ([...told.values()].every((values) => values.at(-1) === last)) break;
  }
  return told;
}

describe('the client through facades', () => {
  it('does everything that it does with nodes', async () => {
    await using db = await DougClient.connect(endpoints);
    for (const key of keys) await db.put(key, `of ${key}`);
    const found = await db.getMany(['z', 'none', 'a']);
    expect(found.map((hit) => hit?.value)).toEqual(['of z', undefined, 'of a']);
    const seen: string[] = [];
    for await (const { key } of db.scan({ reverse: true })) seen.push(key);
    expect(seen).toEqual([...keys].reverse());
    const { previous } = await db.put('k', 'again', { returnPrevious: true });
    expect(previous?.value).toBe('of k');
    await expect(db.put('k', 'x', { ifAbsent: true })).rejects.toMatchObject({
      code: 'DOUG_COMPARE_FAILED',
    });
    expect(await db.delete('k', { returnExisted: true })).toMatchObject({ existed: true });
    expect(await db.get('k')).toBeNull();
    expect((await db.admin.members()).length).toBe(3);
    expect((await db.admin.status({ nodeId: 2 })).node.nodeId).toBe(2);
  });

  it('keeps the order of calls on each key, and loses none, while a leader and a facade are killed', async () => {
    await using db = await DougClient.connect({ endpoints, timeoutMs: 30_000 });
    const last = new Map<string, string>();
    const revisions = new Map<string, number[]>();
    const calls: Promise<void>[] = [];
    const leader = await cluster.leaderOf(3);
    await using watch = db.watch();
    await watch.ready;
    const watched = watchKeys(watch, '59');
    for (let round = 0; round < 60; round++) {
      for (const key of keys) {
        const value = `${round}`;
        last.set(key, value);
        const put = db.put(key, value).then(({ revision }) => {
          revisions.set(key, [...(revisions.get(key) ?? []), revision]);
        });
        calls.push(put);
      }
      // Calls of several rounds are under way together.
      if (round % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (round === 20) leader.program.kill('SIGKILL');
      if (round === 40) facades[0]?.kill('SIGKILL');
    }
    await Promise.all(calls);
    for (const [key, value] of last) expect((await db.get(key))?.value).toBe(value);
    for (const [key, list] of revisions) {
      // Each took effect once, after the one before it.
      expect([key, list.length, new Set(list).size]).toEqual([key, 60, 60]);
      expect(list).toEqual([...list].sort((a, b) => a - b));
    }
    // Who watches was told each of them, once and in the same order.
    for (const [key, values] of await watched) {
      expect([key, values]).toEqual([key, Array.from({ length: 60 }, (_, round) => `${round}`)]);
    }
    await cluster.restart(leader);
  });

  it('says what is certain when nobody answers in time', async () => {
    await using db = await DougClient.connect({ endpoints: endpoints[1]!, timeoutMs: 1_500 });
    await db.put('a', 'before');
    const leader = await cluster.leaderOf(2);
    const others = cluster.members.filter((member) => member !== leader);
    for (const member of others) await cluster.kill(member);
    const error = await db.put('a', 'after').then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(DougError.is(error)).toBe(true);
    const { outcome } = error as DougError;
    for (const member of others) await cluster.restart(member);
    await using again = await DougClient.connect({ endpoints: endpoints[1]!, timeoutMs: 20_000 });
    // Taken by a leader that could not commit it, or by nobody: that depends on how soon it gave up.
    const possible = outcome === 'UNKNOWN' ? ['before', 'after'] : ['before'];
    expect(possible).toContain((await again.get('a'))?.value);
    await again.put('a', 'at last');
  });
});
