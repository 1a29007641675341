import fc from 'fast-check';
import { Lane, MAX_SCORE } from './lane.js';

/** Work that runs until it is told to end. */
class Work {
  readonly log: string[];
  readonly name: string;
  end: () => void = () => undefined;

  constructor(log: string[], name: string) {
    this.log = log;
    this.name = name;
  }

  readonly run = (): Promise<void> => {
    this.log.push(this.name);
    return new Promise((resolve) => {
      this.end = resolve;
    });
  };
}

const soon = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

describe('Lane', () => {
  it('runs so many at a time and no more', async () => {
    const lane = new Lane(2);
    const log: string[] = [];
    const works = ['a', 'b', 'c', 'd'].map((name) => new Work(log, name));
    const all = works.map((work) => lane.run(work, () => 1, work.run));
    await soon();
    expect([log, lane.running, lane.waiting]).toEqual([['a', 'b'], 2, 2]);
    works[1]?.end();
    await soon();
    expect([log, lane.running, lane.waiting]).toEqual([['a', 'b', 'c'], 2, 1]);
    works[0]?.end();
    await soon();
    works[2]?.end();
    works[3]?.end();
    await Promise.all(all);
    expect([lane.running, lane.waiting]).toEqual([0, 0]);
  });

  it('takes the most urgent first, by what it is when the turn comes', async () => {
    const lane = new Lane(1);
    const log: string[] = [];
    const scores: Record<string, number> = { first: 1, low: 1, high: 3, later: 0 };
    const works = Object.keys(scores).map((name) => new Work(log, name));
    const all = works.map((work) => lane.run(work, () => scores[work.name] ?? 0, work.run));
    await soon();
    scores.later = 9;
    for (const name of ['first', 'later', 'high', 'low']) {
      works.find((work) => work.name === name)?.end();
      await soon();
    }
    await Promise.all(all);
    expect(log).toEqual(['first', 'later', 'high', 'low']);
  });

  it('gives its turn on when the work fails', async () => {
    const lane = new Lane(1);
    const failing = lane.run(
      {},
      () => 1,
      () => Promise.reject(new Error('planted')),
    );
    const next = lane.run(
      {},
      () => 1,
      () => Promise.resolve(7),
    );
    await expect(failing).rejects.toThrow('planted');
    await expect(next).resolves.toBe(7);
  });

  it('forgets who waits for an owner that is gone, and lets what runs end', async () => {
    const lane = new Lane(1);
    const log: string[] = [];
    const [running, waiting, other] = ['running', 'waiting', 'other'].map(
      (name) => new Work(log, name),
    ) as [Work, Work, Work];
    const owner = {};
    const first = lane.run(owner, () => 1, running.run);
    const second = expect(lane.run(owner, () => 1, waiting.run)).rejects.toMatchObject({
      code: 'SST_CLOSED',
    });
    const third = lane.run({}, () => 1, other.run);
    lane.forget(owner);
    await second;
    running.end();
    await first;
    await soon();
    other.end();
    await third;
    expect(log).toEqual(['running', 'other']);
  });

  it('starves nobody: everyone due has a turn after a bounded number of others', async () => {
    const scoresOf = fc.array(fc.oneof(fc.nat(5), fc.constant(1e9)), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(scoresOf, fc.integer({ min: 1, max: 3 }), async (scores, limit) => {
        const lane = new Lane(limit);
        const turns: number[] = [];
        let isOver = false;
        // Each asks again as soon as its turn is over, as a database does that is always behind.
        const ask = async (n: number): Promise<void> => {
          while (!isOver) {
            await lane.run(
              scores,
              () => scores[n] ?? 0,
              async () => {
                turns.push(n);
                if (turns.length >= 400) isOver = true;
                await soon();
              },
            );
          }
        };
        await Promise.all(scores.map((_, n) => ask(n)));
        const bound = MAX_SCORE + scores.length + limit;
        for (const n of scores.keys()) {
          const at = turns.flatMap((who, i) => (who === n ? [i] : []));
          const gaps = [...at, turns.length].map((turn, i) => turn - (at[i - 1] ?? -1));
          expect(Math.max(...gaps)).toBeLessThanOrEqual(bound + 1);
        }
      }),
      { numRuns: 25 },
    );
  });
});
