import fc from 'fast-check';
import {
  ArrayCursor,
  bytes,
  del,
  type Entry,
  entryArbitrary,
  put,
  sorted,
} from '../../test/support/entries.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import { type KeyRange, VersionRetention } from './version-retention.js';

function kept(entries: readonly Entry[], floor: number, below: readonly KeyRange[] = []): Entry[] {
  const retention = new VersionRetention(floor, [below]);
  const cursor = new ArrayCursor(entries);
  const result: Entry[] = [];
  for (const entry of entries) {
    if (entry === entries[0]) cursor.first();
    else cursor.next();
    if (retention.keeps(cursor)) result.push(entry);
  }
  return result;
}

/** What a reader at a sequence sees of a key. */
function valueAt(entries: readonly Entry[], key: Uint8Array, sequence: number): Entry | null {
  const newest = entries.find((e) => compareKeys(e.key, key) === 0 && e.sequence <= sequence);
  return newest === undefined || newest.kind === Kind.Delete ? null : newest;
}

describe('VersionRetention', () => {
  it('keeps the newest version at or below the floor and everything above it', () => {
    const entries = [put('a', 9), put('a', 7), put('a', 5), put('a', 3), put('b', 1)];
    expect(kept(entries, 7)).toEqual([put('a', 9), put('a', 7), put('b', 1)]);
    expect(kept(entries, 6)).toEqual([put('a', 9), put('a', 7), put('a', 5), put('b', 1)]);
    expect(kept(entries, 0)).toEqual(entries);
  });

  it('drops a tombstone at or below the floor with all that it hides', () => {
    const entries = [del('a', 5), put('a', 3), put('b', 4)];
    expect(kept(entries, 5)).toEqual([put('b', 4)]);
    expect(kept(entries, 4)).toEqual(entries);
  });

  it('keeps a tombstone where something older may lie below', () => {
    const entries = [del('a', 5), put('a', 3), del('m', 5), del('z', 5)];
    const below = [
      { smallest: bytes('b'), largest: bytes('c') },
      { smallest: bytes('m'), largest: bytes('n') },
      { smallest: bytes('p'), largest: bytes('z') },
    ];
    expect(kept(entries, 9, below)).toEqual([del('m', 5), del('z', 5)]);
  });

  it('changes nothing that a reader at or above the floor can see', () => {
    const history = fc
      .array(entryArbitrary, { maxLength: 80 })
      .map((list) =>
        sorted(
          list.map((e, i) => ({ ...e, key: e.key.slice(0, 1), sequence: (e.sequence + i) % 20 })),
        ),
      );
    fc.assert(
      fc.property(history, fc.nat(20), fc.nat(20), (entries, floor, above) => {
        const left = kept(entries, floor);
        for (const { key } of entries) {
          const sequence = floor + above;
          expect(valueAt(left, key, sequence)).toEqual(valueAt(entries, key, sequence));
        }
      }),
    );
  });
});
