import type { Consistency } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { DROPPED } from './item-flags.js';
import { ItemQueue } from './item-queue.js';
import type { Origin } from './origin.js';

const owner: Origin = { isGone: false, written() {}, found() {}, absent() {}, failed() {} };

describe('ItemQueue', () => {
  it('gives parts back whole, in their order, with all that was said of each item', () => {
    const part = fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 300 });
    const step = fc.oneof(
      { weight: 2, arbitrary: part },
      { weight: 1, arbitrary: fc.constant(null) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const queue = new ItemQueue();
        const expected: number[][] = [];
        for (const what of steps) {
          if (what === null) {
            const ids = expected.shift();
            const first = queue.first;
            expect(first?.items).toBe(ids?.length);
            if (first === null || ids === undefined) continue;
            for (const [place, id] of ids.entries()) {
              const slot = queue.slotAt(place);
              expect(queue.originId(slot)).toBe(id);
              expect(queue.partitionId(slot)).toBe(id + 1);
              expect(queue.epochVersion(slot)).toBe(id + 2);
              expect(queue.deadlineMs(slot)).toBe(id + 0.5);
              expect([queue.start(slot), queue.end(slot)]).toEqual([id, id + 3]);
              expect(queue.flags(slot)).toBe(id & 7);
              expect([queue.consistency(slot), queue.argument(slot)]).toEqual([id % 6, id * 7]);
            }
            queue.shift();
          } else {
            const made = queue.begin(owner, new Uint8Array(10));
            for (const id of what)
              queue.add(
                made,
                id,
                id + 1,
                id + 2,
                id + 0.5,
                id & 7,
                id,
                id + 3,
                (id % 6) as Consistency,
                id * 7,
              );
            expect(made.sizeBytes).toBe(3 * what.length);
            expected.push(what);
          }
          expect(queue.size).toBe(expected.flat().length);
          expect(queue.heldBytes).toBe(10 * expected.length);
        }
        const seen: number[] = [];
        queue.each((_part, slot) => seen.push(queue.originId(slot)));
        expect(seen).toEqual(expected.flat());
      }),
      { numRuns: 60 },
    );
  });

  it('is empty at its end', () => {
    const queue = new ItemQueue();
    expect(queue.first).toBeNull();
    queue.shift();
    queue.begin(owner, new Uint8Array(4));
    queue.shift();
    expect([queue.first, queue.size, queue.heldBytes]).toEqual([null, 0, 0]);
  });

  it('marks what has its answer', () => {
    const queue = new ItemQueue();
    const part = queue.begin(owner, new Uint8Array(4));
    queue.add(part, 1, 2, 1, 0, 0, 0, 1, 0, 0);
    queue.drop(queue.slotAt(0));
    expect(queue.flags(queue.slotAt(0)) & DROPPED).not.toBe(0);
    expect(queue.size).toBe(1);
  });
});
