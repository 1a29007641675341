import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { runProcessNemesis, type Victim } from './process-nemesis.js';

/** Victims that note what is done to them, and whether they are well. */
function bench(seed: string, restartMs = 50) {
  const scheduler = new SimScheduler();
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => void scheduler.schedule(ms, resolve));
  const hurt = new Set<string>();
  const events: string[] = [];
  let mostHurt = 0;
  const hurtNow = (name: string, what: string): void => {
    hurt.add(name);
    mostHurt = Math.max(mostHurt, hurt.size);
    events.push(what);
  };
  const victims = ['a', 'b', 'c', 'd', 'e'].map(
    (name): Victim => ({
      name,
      kill: async () => hurtNow(name, 'kill'),
      restart: async () => {
        await sleep(restartMs);
        hurt.delete(name);
        events.push('restart');
      },
      stop: () => hurtNow(name, 'stop'),
      resume: () => {
        hurt.delete(name);
        events.push('resume');
      },
    }),
  );
  const endMs = 10_000;
  const run = scheduler.runWhilePending(
    runProcessNemesis({
      victims,
      atOnce: 2,
      random: new SimRandom(seed),
      sleep,
      goesOn: () => scheduler.nowMs < endMs,
      pauseMs: 100,
      lastsMs: 300,
    }),
  );
  return { run, hurt, events, mostHurt: () => mostHurt };
}

describe('a nemesis of processes', () => {
  it('kills and stops, and heals whatever it has hurt before it is done', async () => {
    const { run, hurt, events } = bench('heals');
    const { kills, stops } = await run;
    expect(kills).toBeGreaterThan(10);
    expect(stops).toBeGreaterThan(10);
    expect(hurt.size).toBe(0);
    const count = (what: string) => events.filter((event) => event === what).length;
    expect([count('kill'), count('restart')]).toEqual([kills, kills]);
    expect([count('stop'), count('resume')]).toEqual([stops, stops]);
  });

  it('never hurts more at once than it may, a slow restart counted in', async () => {
    const { run, mostHurt } = bench('at once', 2_000);
    await run;
    expect(mostHurt()).toBe(2);
  });

  it('does the same for the same seed', async () => {
    const [first, second] = [bench('same'), bench('same')];
    await Promise.all([first.run, second.run]);
    expect(second.events).toEqual(first.events);
  });

  it('tells of a victim that cannot be healed', async () => {
    const scheduler = new SimScheduler();
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => void scheduler.schedule(ms, resolve));
    const lost: Victim = {
      name: 'lost',
      kill: () => Promise.resolve(),
      restart: () => Promise.reject(new Error('it does not come back')),
      stop: () => undefined,
      resume: () => undefined,
    };
    const run = runProcessNemesis({
      victims: [lost],
      atOnce: 1,
      random: new SimRandom('lost'),
      sleep,
      goesOn: () => scheduler.nowMs < 5_000,
      pauseMs: 100,
      lastsMs: 100,
    });
    await expect(scheduler.runWhilePending(run)).rejects.toThrow('it does not come back');
  });
});
