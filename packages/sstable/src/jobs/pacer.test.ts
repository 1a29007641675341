import fc from 'fast-check';
import { Pacer } from './pacer.js';

const MIB = 1024 * 1024;

/** Writes pieces and pauses as told; answers the milliseconds that it took. */
function timeOf(pieces: readonly number[], bytesPerSecond: number): number {
  let nowMs = 0;
  const pacer = new Pacer(
    () => nowMs,
    () => bytesPerSecond,
  );
  for (const bytes of pieces) {
    for (let pauseMs = pacer.take(bytes); pauseMs > 0; pauseMs = pacer.take(0)) {
      if (nowMs + pauseMs === nowMs) throw new RangeError(`a pause of ${pauseMs} ms never ends`);
      nowMs += pauseMs;
    }
  }
  return nowMs;
}

describe('Pacer', () => {
  it('keeps to the rate, whatever the pieces are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 20, maxLength: 60 }),
        fc.integer({ min: 100_000, max: 50_000_000 }),
        (pieces, rate) => {
          const expectedMs = (pieces.reduce((sum, bytes) => sum + bytes, 0) / rate) * 1000;
          expect(Math.abs(timeOf(pieces, rate) - expectedMs)).toBeLessThan(1);
        },
      ),
    );
  });

  it('saves up no more than a short burst while nothing is written', () => {
    let nowMs = 0;
    const pacer = new Pacer(
      () => nowMs,
      () => 10 * MIB,
    );
    nowMs = 60_000;
    expect(pacer.take(MIB / 2)).toBe(0);
    expect(pacer.take(MIB / 10)).toBeCloseTo(10, 3);
  });

  it('pauses in pieces, and not at all when the limit is lifted', () => {
    let rate = 1024;
    const pacer = new Pacer(
      () => 0,
      () => rate,
    );
    expect(pacer.take(10 * MIB)).toBe(100);
    rate = 0;
    expect(pacer.take(10 * MIB)).toBe(0);
    rate = MIB;
    expect(pacer.take(0)).toBe(0);
  });
});
