import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { Proxies } from './proxies.js';

const backoff = { baseMs: 100, maxMs: 1_000 };

function setup(...addresses: string[]) {
  const scheduler = new SimScheduler();
  const probed: string[] = [];
  const proxies = new Proxies({
    clock: scheduler.clock(),
    random: new SimRandom('proxies'),
    backoff,
    probe: (address) => probed.push(address),
  });
  for (const address of addresses) proxies.described(address);
  return { scheduler, proxies, probed };
}

describe('Proxies', () => {
  it('are none to begin with', () => {
    const { proxies } = setup();
    expect([proxies.size, proxies.choose(), proxies.usable]).toEqual([0, null, []]);
    proxies.failed('a');
    proxies.heard('a');
    proxies.gone('a');
    proxies.suspect('a');
    proxies.silent('a');
    expect([proxies.size, proxies.choose()]).toEqual([0, null]);
  });

  it('stay with one while it works', () => {
    const { proxies } = setup('a', 'b', 'c');
    const first = proxies.choose();
    for (let i = 0; i < 20; i++) expect(proxies.choose()).toBe(first);
    proxies.described('d');
    expect(proxies.choose()).toBe(first);
    expect(proxies.usable[0]).toBe(first);
    expect([...proxies.usable].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are chosen at random, so that clients spread', () => {
    const scheduler = new SimScheduler();
    const chosen = new Set<string | null>();
    for (let client = 0; client < 50; client++) {
      const random = new SimRandom(client);
      const proxies = new Proxies({ clock: scheduler.clock(), random, backoff, probe: () => {} });
      for (const address of ['a', 'b', 'c']) proxies.described(address);
      chosen.add(proxies.choose());
    }
    expect(chosen).toEqual(new Set(['a', 'b', 'c']));
  });

  it('change when one fails, and back only when the other fails', () => {
    const { proxies, scheduler, probed } = setup('a', 'b');
    const first = proxies.choose() as string;
    proxies.failed(first);
    const second = proxies.choose();
    expect(new Set([first, second])).toEqual(new Set(['a', 'b']));
    expect(probed).toEqual([]);
    return scheduler.advance(100).then(() => {
      expect(proxies.choose()).toBe(second);
      // One question at a time.
      proxies.choose();
      expect(probed).toEqual([first]);
      expect(proxies.described(first)).toBe(true);
      expect(proxies.choose()).toBe(second);
      proxies.failed(second as string);
      expect(proxies.choose()).toBe(first);
    });
  });

  it('are asked again after pauses that grow, until a message comes', async () => {
    const { proxies, scheduler, probed } = setup('a');
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      proxies.failed('a');
      const from = scheduler.nowMs;
      probed.length = 0;
      while (probed.length === 0) {
        await scheduler.advance(1);
        proxies.choose();
      }
      pauses.push(scheduler.nowMs - from);
      expect(proxies.described('a')).toBe(true);
    }
    expect(Math.max(...pauses)).toBeGreaterThan(200);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_001);
    proxies.heard('a');
    proxies.failed('a');
    await scheduler.advance(100);
    probed.length = 0;
    proxies.choose();
    expect(probed).toEqual(['a']);
  });

  it('that answer questions and break every stream are left alone for their pause', () => {
    const { proxies } = setup('a');
    proxies.failed('a');
    expect(proxies.described('a')).toBe(false);
    expect(proxies.choose()).toBeNull();
  });

  it('that do not answer when they are asked fail once more', async () => {
    const { proxies, scheduler, probed } = setup('a');
    proxies.silent('a');
    expect(proxies.choose()).toBe('a');
    proxies.suspect('a');
    expect(probed).toEqual(['a']);
    expect(proxies.choose()).toBe('a');
    proxies.silent('a');
    expect(proxies.choose()).toBeNull();
    await scheduler.advance(1_000);
    proxies.choose();
    expect(probed).toEqual(['a', 'a']);
    proxies.silent('a');
    expect(proxies.usable).toEqual([]);
  });

  it('that may be unlucky give way to another one, and stay usable', () => {
    const { proxies, probed } = setup('a', 'b');
    const first = proxies.choose() as string;
    proxies.suspect(first);
    expect(proxies.choose()).not.toBe(first);
    expect(probed).toEqual([first]);
    expect(proxies.described(first)).toBe(false);
    // A late word about one that is not used any more changes nothing.
    const second = proxies.choose();
    proxies.suspect(first);
    expect(proxies.choose()).toBe(second);
    expect([...proxies.usable].sort()).toEqual(['a', 'b']);
  });

  it('that turn out to be something else are forgotten', () => {
    const { proxies } = setup('a', 'b');
    proxies.gone('a');
    expect([proxies.size, proxies.has('a'), proxies.choose()]).toEqual([1, false, 'b']);
    proxies.failed('b');
    proxies.gone('b');
    expect([proxies.size, proxies.choose()]).toEqual([0, null]);
  });
});
