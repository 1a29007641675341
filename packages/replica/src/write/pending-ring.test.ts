import fc from 'fast-check';
import { codeOf } from '../error-code.js';
import { PendingEntry } from './pending-entry.js';
import { PendingRing } from './pending-ring.js';

function entryAt(index: number, term = 1): PendingEntry {
  const entry = new PendingEntry();
  entry.index = index;
  entry.term = term;
  entry.commandBytes = 10;
  return entry;
}

describe('PendingRing', () => {
  it('finds what was put at an index, and nothing else', () => {
    const steps = fc.array(
      fc.record({ index: fc.integer({ min: 1, max: 400 }), take: fc.boolean() }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 2 ** 31 - 100, 2 ** 40), (list, base) => {
        const ring = new PendingRing();
        const model = new Map<number, PendingEntry>();
        for (const { index, take } of list) {
          const at = base + index;
          expect(ring.get(at)).toBe(model.get(at) ?? null);
          if (take) {
            expect(ring.take(at)).toBe(model.get(at) ?? null);
            model.delete(at);
          } else if (!model.has(at)) {
            const entry = entryAt(at);
            ring.put(entry);
            model.set(at, entry);
          }
          expect(ring.size).toBe(model.size);
          expect(ring.commandBytes).toBe(model.size * 10);
        }
        const rest = [...model.keys()].sort((a, b) => a - b);
        expect(ring.takeAll().map((entry) => entry.index)).toEqual(rest);
        expect(ring.size).toBe(0);
      }),
    );
  });

  it('will not hold two entries for one index', () => {
    const ring = new PendingRing();
    ring.put(entryAt(5, 1));
    try {
      ring.put(entryAt(5, 2));
      throw new Error('it was taken');
    } catch (error) {
      expect(codeOf(error)).toBe('REPLICA_INVARIANT');
    }
  });
});
