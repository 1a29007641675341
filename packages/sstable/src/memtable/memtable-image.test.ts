import fc from 'fast-check';
import { type Entry, entryArbitrary, forward, sorted } from '../../test/support/entries.js';
import { Memtable } from './memtable.js';
import { cursorOver } from './memtable-image.js';

function filled(entries: readonly Entry[]): Memtable {
  const memtable = new Memtable();
  for (const { sequence, kind, key, value } of entries) memtable.add(sequence, kind, key, value);
  return memtable;
}

describe('the image of a memtable', () => {
  it('is walked as the memtable is, in whichever thread', () => {
    fc.assert(
      fc.property(fc.array(entryArbitrary, { maxLength: 400 }), (entries) => {
        const memtable = filled(entries);
        // As posting a message to a thread does: what is shared stays shared.
        const image = structuredClone(memtable.image);
        expect(forward(cursorOver(image))).toEqual(forward(memtable.cursor()));
        expect(forward(cursorOver(image))).toEqual(sorted(entries));
      }),
    );
  });

  it('is the very memory of the memtable', () => {
    const memtable = filled(
      Array.from({ length: 5000 }, (_, i) => ({
        key: Uint8Array.of(i >> 8, i & 255),
        sequence: 1,
        kind: 1,
        value: new Uint8Array(50),
      })),
    );
    const { slabs, leaves } = memtable.image;
    const bytes = slabs.reduce((sum, { byteLength }) => sum + byteLength, leaves.words.byteLength);
    expect(slabs.length).toBeGreaterThan(3);
    expect(bytes).toBeGreaterThan(memtable.sizeBytes * 0.9);
    expect(bytes).toBeLessThanOrEqual(memtable.reservedBytes);
  });
});
