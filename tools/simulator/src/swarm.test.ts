import { runSwarm } from './swarm.js';

const SECONDS = Number(process.env.DOUG_SIM_SECONDS ?? 20);

describe('the swarm', () => {
  it(
    `finds no violation in ${SECONDS} s of fresh seeds`,
    async () => {
      const base = `${Date.now()}`;
      const until = Date.now() + SECONDS * 1000;
      let runs = 0;
      let virtualMs = 0;
      let refusals = 0;
      for (; Date.now() < until; runs++) {
        const seed = `${base}-${runs}`;
        const result = await runSwarm(seed).catch((cause: unknown) => {
          throw new Error(`npm run sim -- --seed ${seed}`, { cause });
        });
        virtualMs += result.virtualMs;
        refusals += result.history.filter((op) => op.look?.compareFailed).length;
        if (result.violations.length > 0) {
          throw new Error(`npm run sim -- --seed ${seed}\n${result.violations.join('\n')}`);
        }
      }
      console.log(`seed ${base}: ${runs} runs, ${Math.round(virtualMs / 1000)} simulated seconds`);
      expect(runs).toBeGreaterThan(0);
      expect(refusals).toBeGreaterThan(0);
    },
    (SECONDS + 60) * 1000,
  );

  it('makes equal traces for equal seeds', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const first = await runSwarm(`equal-${seed}`);
      const second = await runSwarm(`equal-${seed}`);
      expect(second.digest).toBe(first.digest);
    }
  }, 120_000);
});
