import fc from 'fast-check';
import { GET, GHOST } from './item-flags.js';
import type { Origin } from './origin.js';
import { SentRing } from './sent-ring.js';

const origin = (): Origin => ({
  isGone: false,
  written() {},
  found() {},
  absent() {},
  failed() {},
});

describe('SentRing', () => {
  it('is a map by ids that are never used again', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant('add' as const) },
      { weight: 2, arbitrary: fc.nat({ max: 700 }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500 }), (steps) => {
        const ring = new SentRing(1, 512);
        const known = new Map<number, { owner: Origin; originId: number }>();
        for (const [at, what] of steps.entries()) {
          if (what === 'add') {
            if (!ring.hasRoom(1)) continue;
            const owner = origin();
            const id = ring.add(owner, at * 1e9, at, at + 1, at + 0.5, GET);
            expect(known.has(id)).toBe(false);
            known.set(id, { owner, originId: at * 1e9 });
          } else {
            const slot = ring.find(what);
            const expected = known.get(what);
            expect(slot === -1).toBe(expected === undefined);
            if (expected === undefined) continue;
            expect(ring.origin(slot)).toBe(expected.owner);
            expect(ring.originId(slot)).toBe(expected.originId);
            expect(ring.deadlineMs(slot)).toBe(expected.originId / 1e9 + 0.5);
            expect(ring.epochVersion(slot)).toBe(ring.partitionId(slot) + 1);
            expect(ring.has(slot, GET)).toBe(true);
            ring.release(what);
            known.delete(what);
          }
          expect(ring.size).toBe(known.size);
        }
        for (const id of known.keys()) expect(id).toBeGreaterThanOrEqual(ring.oldestId);
      }),
      { numRuns: 40 },
    );
  });

  it('has no room beyond its span, however few are open', () => {
    const ring = new SentRing(100, 256);
    const first = ring.add(origin(), 1, 2, 1, 0, 0);
    for (let i = 1; i < 256; i++) ring.release(ring.add(origin(), i, 2, 1, 0, 0));
    expect([ring.size, ring.hasRoom(1)]).toEqual([1, false]);
    ring.release(first);
    expect([ring.size, ring.hasRoom(256), ring.oldestId]).toEqual([0, true, ring.nextId]);
  });

  it('keeps a ghost until the node has answered', () => {
    const ring = new SentRing(1);
    const id = ring.add(origin(), 7, 2, 1, 0, 0);
    ring.haunt(ring.find(id));
    expect(ring.origin(ring.find(id))).toBeNull();
    expect([ring.has(ring.find(id), GHOST), ring.size]).toEqual([true, 1]);
    ring.release(id);
    expect([ring.find(id), ring.size]).toEqual([-1, 0]);
  });

  it('finds nothing under what is no id', () => {
    const ring = new SentRing(1);
    ring.add(origin(), 7, 2, 1, 0, 0);
    for (const id of [0, -1, 2, Number.NaN, 2 ** 53, 1 + 2 ** 32]) expect(ring.find(id)).toBe(-1);
  });
});
