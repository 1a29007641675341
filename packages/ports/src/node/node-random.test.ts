import { NodeRandom } from './node-random.js';

describe('NodeRandom', () => {
  it('stays in [0, 1), evenly', () => {
    const random = new NodeRandom();
    const buckets = new Array<number>(4).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const bucket = Math.floor(random.next() * 4);
      if (bucket < 0 || bucket > 3) throw new RangeError(`drew into bucket ${bucket}`);
      buckets[bucket]! += 1;
    }
    // 5,000 each; the deviation is 61, so ten of them either way.
    for (const count of buckets) expect(Math.abs(count - 5000)).toBeLessThan(610);
  });

  it('gives plain byte arrays of their own', () => {
    const random = new NodeRandom();
    const [a, b] = [random.bytes(16), random.bytes(16)];
    expect(a.constructor).toBe(Uint8Array);
    expect(a).toHaveLength(16);
    expect(a).not.toEqual(b);
    expect(a.buffer.byteLength).toBe(16);
    expect(random.bytes(0)).toHaveLength(0);
  });
});
