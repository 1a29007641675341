import { SimRandom } from './random.js';

const draw = (random: SimRandom, count: number): number[] =>
  Array.from({ length: count }, () => random.uint32());

describe('SimRandom', () => {
  it('gives the same numbers for the same seed, others for another', () => {
    expect(draw(new SimRandom(7), 50)).toEqual(draw(new SimRandom(7), 50));
    expect(draw(new SimRandom(7), 50)).toEqual(draw(new SimRandom('7'), 50));
    expect(draw(new SimRandom(7), 4)).not.toEqual(draw(new SimRandom(8), 4));
  });

  it('gives these numbers on every platform and in every version', () => {
    expect(draw(new SimRandom(42), 4)).toMatchInlineSnapshot(`
[
  1464871317,
  2339831239,
  3288972519,
  2230523193,
]
`);
  });

  it('forks by seed and name, not by what was drawn before', () => {
    const random = new SimRandom(7);
    const before = draw(random.fork('disk'), 20);
    draw(random, 13);
    expect(draw(random.fork('disk'), 20)).toEqual(before);
    expect(draw(random.fork('net'), 20)).not.toEqual(before);
    expect(draw(random, 20)).not.toEqual(before);
  });

  it('draws evenly', () => {
    const random = new SimRandom(1);
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) buckets[random.int(10)]! += 1;
    // 2,000 each; the deviation is 42, so six of them either way.
    for (const count of buckets) expect(Math.abs(count - 2000)).toBeLessThan(260);
  });

  it('stays in [0, 1) with all 53 bits in use', () => {
    const random = new SimRandom(3);
    let low = 0;
    for (let i = 0; i < 1000; i++) {
      const value = random.next();
      expect(value >= 0 && value < 1).toBe(true);
      if ((value * 2 ** 53) % 2 === 1) low++;
    }
    expect(low).toBeGreaterThan(400);
  });

  it('has near seeds far apart', () => {
    const firsts = new Set(Array.from({ length: 5000 }, (_, seed) => new SimRandom(seed).uint32()));
    expect(firsts.size).toBeGreaterThan(4990);
  });

  it('gives bytes of any count', () => {
    const random = new SimRandom(5);
    for (const count of [0, 1, 3, 4, 5, 1000]) expect(random.bytes(count)).toHaveLength(count);
    expect(new Set(random.bytes(2000)).size).toBeGreaterThan(250);
  });

  it('takes chances from never to always', () => {
    const random = new SimRandom(5);
    for (let i = 0; i < 100; i++) {
      expect(random.chance(0)).toBe(false);
      expect(random.chance(1)).toBe(true);
    }
  });

  it('picks each item some time, and refuses an empty list and no range', () => {
    const random = new SimRandom(5);
    const picked = new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])));
    expect([...picked].sort()).toEqual(['a', 'b', 'c']);
    expect(() => random.pick([])).toThrow(RangeError);
    for (const bound of [0, -1, 1.5, Number.NaN])
      expect(() => random.int(bound)).toThrow(RangeError);
  });
});
