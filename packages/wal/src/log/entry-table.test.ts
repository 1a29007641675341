import fc from 'fast-check';
import { entry } from '../../test/rig.js';
import { Slot } from './entry-runs.js';
import { EntryTable } from './entry-table.js';

type Move =
  | { readonly kind: 'place'; readonly index: number; readonly segment: number }
  | { readonly kind: 'cutFrom'; readonly index: number }
  | { readonly kind: 'cutThrough'; readonly index: number };

const index = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300 }));
const segment = fc.integer({ min: 1, max: 9 });
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('place' as const), index, segment }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cutFrom' as const), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cutThrough' as const), index }) },
);

describe('EntryTable', () => {
  it('holds what a map would hold, wherever it is extended and cut', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const table = new EntryTable();
        const map = new Map<number, number>();
        for (const [step, m] of moves.entries()) {
          if (m.kind === 'place') {
            table.extendTo(m.index);
            table.setPlaced(m.index, step, step % 256, step * 2, step * 3, m.segment, step * 8);
            map.set(m.index, step);
          } else if (m.kind === 'cutFrom') {
            table.cutFrom(m.index);
            for (const key of [...map.keys()]) if (key >= m.index) map.delete(key);
          } else {
            table.cutThrough(m.index);
            for (const key of [...map.keys()]) if (key <= m.index) map.delete(key);
          }
          expect(wrongPlaces(table, map)).toEqual([]);
        }
      }),
    );
  });

  it('slides along with a log that is compacted as it grows', () => {
    const table = new EntryTable();
    for (let i = 1; i <= 100_000; i++) {
      table.extendTo(i);
      table.setPlaced(i, 1, 0, 0, 0, 1, 64);
      if (i > 10) table.cutThrough(i - 10);
    }
    expect([table.first, table.end]).toEqual([99_991, 100_001]);
  });

  it('forgets a cached entry only if it is the one', () => {
    const table = new EntryTable();
    const [old, young] = [entry(1), entry(1, 2)];
    table.extendTo(1);
    table.setPending(old, 0);
    table.setPending(young, 1);
    table.forget(old);
    expect(table.cached(1)).toBe(young);
    table.forget(young);
    expect(table.cached(1)).toBeUndefined();
    // An entry may be evicted long after its place is gone.
    table.cutThrough(1);
    table.extendTo(2000);
    table.forget(old);
    expect(table.first).toBe(2000);
  });
});

/** Indexes at which the table does not show what the map (index to step) says. */
function wrongPlaces(table: EntryTable, map: ReadonlyMap<number, number>): number[] {
  const wrong = [...map.keys()].filter((key) => key < table.first || key >= table.end);
  for (let at = table.first; at < table.end; at++) {
    const step = map.get(at);
    const right =
      step === undefined
        ? table.slot(at) === Slot.Empty && table.segment(at) === 0
        : table.slot(at) === Slot.Placed &&
          table.term(at) === step &&
          table.type(at) === step % 256 &&
          table.length(at) === step * 2 &&
          table.checksum(at) === step * 3 &&
          table.offset(at) === step * 8;
    if (!right) wrong.push(at);
  }
  return wrong;
}
