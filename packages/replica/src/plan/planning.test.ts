import { type Planning, run, settled } from './planning.js';

describe('planning', () => {
  function* sum(
    values: readonly (object | Promise<object>)[],
    ended: () => void,
  ): Planning<object[]> {
    const found: object[] = [];
    try {
      for (const value of values) found.push(yield* settled(value));
      return found;
    } finally {
      ended();
    }
  }
  const [a, b] = [{ a: 1 }, { b: 2 }];

  it('is over at once where nothing has to be waited for', () => {
    expect(run(sum([a, b], () => undefined))).toEqual([a, b]);
  });

  it('waits where it has to, once for each', async () => {
    const planned = run(sum([a, Promise.resolve(b), a, Promise.resolve(a)], () => undefined));
    expect(planned).toBeInstanceOf(Promise);
    expect(await planned).toEqual([a, b, a, a]);
  });

  it('tells it of what is thrown, and gives back what it holds', async () => {
    let ended = 0;
    const count = (): number => ended++;
    const failing = run(sum([Promise.resolve(a), Promise.reject(new Error('a disk'))], count));
    await expect(failing).rejects.toThrow('a disk');
    expect(ended).toBe(1);
  });

  it('may go on after what is thrown', async () => {
    function* again(): Planning<object> {
      try {
        return yield* settled(Promise.reject(new Error('once')));
      } catch {
        return yield* settled(Promise.resolve(b));
      }
    }
    expect(await run(again())).toBe(b);
  });
});
