import fc from 'fast-check';
import { Inflights } from './inflights.js';

describe('Inflights', () => {
  it('is full at its count', () => {
    const window = new Inflights(2, 1000);
    window.add(1, 10);
    expect(window.full).toBe(false);
    window.add(2, 10);
    expect(window.full).toBe(true);
  });

  it('is full at its bytes, after letting the message that reaches them through', () => {
    const window = new Inflights(10, 100);
    window.add(1, 99);
    expect(window.full).toBe(false);
    window.add(2, 500);
    expect([window.full, window.bytes]).toEqual([true, 599]);
  });

  it('frees what is wholly acknowledged and nothing else', () => {
    const window = new Inflights(10, 1000);
    for (const last of [3, 5, 9]) window.add(last, last);
    window.freeLE(4);
    expect([window.count, window.bytes]).toEqual([2, 14]);
    window.freeLE(9);
    expect([window.count, window.bytes]).toEqual([0, 0]);
  });

  it('behaves like a plain list while its ring grows and turns', () => {
    const actions = fc.array(
      fc.oneof(
        fc.record({ add: fc.integer({ min: 1, max: 5 }), size: fc.nat(50) }),
        fc.record({ free: fc.nat(8) }),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(actions, (script) => {
        const window = new Inflights(9, 1e9);
        let list: { last: number; size: number }[] = [];
        let last = 0;
        for (const action of script) {
          if ('add' in action) {
            if (window.full) continue;
            last += action.add;
            window.add(last, action.size);
            list.push({ last, size: action.size });
          } else {
            const upTo = (list[0]?.last ?? 0) + action.free;
            window.freeLE(upTo);
            list = list.filter((m) => m.last > upTo);
          }
          expect(window.count).toBe(list.length);
          expect(window.bytes).toBe(list.reduce((sum, m) => sum + m.size, 0));
          expect(window.full).toBe(list.length >= 9);
        }
      }),
    );
  });

  it('forgets everything on reset', () => {
    const window = new Inflights(2, 10);
    window.add(1, 100);
    window.reset();
    expect([window.count, window.bytes, window.full]).toEqual([0, 0, false]);
  });
});
