import fc from 'fast-check';
import { EntryRuns, Slot } from './entry-runs.js';

interface Place {
  readonly slot: Slot;
  readonly term: number;
  readonly type: number;
  readonly segment: number;
}

const EMPTY: Place = { slot: Slot.Empty, term: 0, type: 0, segment: 0 };

// Few values, so that neighbours are often equal.
const place = fc.record({
  slot: fc.constantFrom(Slot.Pending, Slot.Placed, Slot.Faulty, Slot.Empty),
  term: fc.constantFrom(1, 2),
  type: fc.constantFrom(0, 0, 0, 1),
  segment: fc.constantFrom(0, 3),
});
const move = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), at: fc.nat(40), place }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('append' as const), at: fc.nat(0), place }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('fill' as const), at: fc.nat(60), place }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cutFrom' as const), at: fc.nat(50), place }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('cutBelow' as const), at: fc.nat(50), place }),
  },
);

describe('EntryRuns', () => {
  it('say of each place what a map would say, in as few runs as there can be', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
        const runs = new EntryRuns();
        const map = new Map<number, Place>();
        for (const m of moves) {
          const [first, end] = [runs.first, runs.end];
          const isEmpty = first === end;
          const fillEmpty = (from: number, to: number): void => {
            for (let i = from; i < to; i++) map.set(i, EMPTY);
          };
          if (m.kind === 'set') {
            const at = isEmpty ? m.at : Math.min(Math.max(m.at, first - 1), end);
            runs.set(at, m.place.slot, m.place.term, m.place.type, m.place.segment);
            map.set(at, m.place);
          } else if (m.kind === 'append') {
            runs.set(end, m.place.slot, m.place.term, m.place.type, m.place.segment);
            map.set(end, m.place);
          } else if (m.kind === 'fill') {
            runs.fillTo(m.at);
            if (!isEmpty) {
              fillEmpty(end, m.at);
              fillEmpty(m.at, first);
            }
          } else if (m.kind === 'cutFrom') {
            runs.cutFrom(m.at);
            for (const i of [...map.keys()]) if (i >= m.at) map.delete(i);
          } else {
            runs.cutBelow(m.at);
            for (const i of [...map.keys()]) if (i < m.at) map.delete(i);
            // What is empty then goes as well, as far as it is one run.
            const front = map.get(m.at);
            const isFrontCut = m.at > first && front?.slot === Slot.Empty;
            for (let i = m.at; isFrontCut && isEqual(map.get(i), front); i++) map.delete(i);
          }
          expect(wrongPlaces(runs, map)).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('refuse a place that is not next to them', () => {
    const runs = new EntryRuns();
    runs.set(5, Slot.Placed, 1, 0, 1);
    for (const index of [3, 7]) {
      expect(() => runs.set(index, Slot.Placed, 1, 0, 1)).toThrow('is not next to [5, 6)');
    }
  });

  it('need one run where entries are placed one after the other, frame after frame', () => {
    const runs = new EntryRuns();
    for (let frame = 0; frame < 100; frame++) {
      for (let i = 1; i <= 10; i++) runs.set(frame * 10 + i, Slot.Pending, 1, 0, 0);
      expect(runs.count).toBeLessThanOrEqual(2);
      for (let i = 1; i <= 10; i++) runs.set(frame * 10 + i, Slot.Placed, 1, 0, 7);
      expect(runs.count).toBe(1);
    }
    expect([runs.first, runs.end, runs.runEnd(500)]).toEqual([1, 1001, 1001]);
  });
});

function isEqual(a: Place | undefined, b: Place | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function wrongPlaces(runs: EntryRuns, map: ReadonlyMap<number, Place>): string[] {
  const wrong: string[] = [];
  const indexes = [...map.keys()].sort((a, b) => a - b);
  if (runs.end - runs.first !== map.size) wrong.push(`${runs.first} to ${runs.end}`);
  let changes = 0;
  for (const [i, index] of indexes.entries()) {
    const found = {
      slot: runs.slot(index),
      term: runs.term(index),
      type: runs.type(index),
      segment: runs.segment(index),
    };
    if (index !== runs.first + i || !isEqual(found, map.get(index))) wrong.push(`${index}`);
    if (!isEqual(map.get(index), map.get(index - 1))) changes++;
    const same = isEqual(map.get(index), map.get(index + 1)) && index + 1 < runs.end;
    if (runs.runEnd(index) > index + 1 !== same) wrong.push(`end of ${index}`);
  }
  if (runs.count !== changes) wrong.push(`${runs.count} runs, not ${changes}`);
  return wrong;
}
