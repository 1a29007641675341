import fc from 'fast-check';
import { Machine, put, tiny } from '../../test/support/databases.js';
import { bytes, keyArbitrary } from '../../test/support/entries.js';
import type { DbIterator, RangeOptions } from '../contract.js';
import { compareKeys } from '../encoding/key-order.js';
import { boundsOf, isInBounds } from '../read/bounds.js';

function keysOf(iterator: DbIterator): Uint8Array[] {
  const keys: Uint8Array[] = [];
  while (iterator.next()) keys.push(iterator.key().slice());
  iterator.close();
  return keys;
}

const limit = fc.option(keyArbitrary, { nil: undefined });
const rangeArbitrary = fc
  .record({ start: limit, end: limit, gte: limit, gt: limit, lte: limit, lt: limit })
  .map((range) =>
    Object.fromEntries(Object.entries(range).filter(([, key]) => key !== undefined)),
  ) as fc.Arbitrary<RangeOptions>;

describe('an iterator', () => {
  it('shows the keys of any range, both ways, from memory and from tables', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keyArbitrary, { comparator: (a, b) => compareKeys(a, b) === 0 }),
        fc.array(rangeArbitrary, { minLength: 5, maxLength: 5 }),
        async (keys, ranges) => {
          const machine = new Machine(tiny);
          const db = await machine.open();
          for (const [i, key] of keys.entries()) {
            db.put(i + 1, key, key);
            if (i % 7 === 0) db.freeze(bytes(`H${i}`));
          }
          await machine.settle(1);
          const sorted = [...keys].sort(compareKeys);
          for (const range of ranges) {
            const expected = sorted.filter((key) => isInBounds(boundsOf(range), key));
            expect(keysOf(db.iterator(range))).toEqual(expected);
            expect(keysOf(db.iterator({ ...range, reverse: true }))).toEqual(expected.reverse());
          }
          await machine.run(db.close());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not read tables that its range leaves out', async () => {
    const machine = new Machine({ level0Tables: 100 });
    const db = await machine.open();
    for (const [i, key] of ['a', 'm', 'z'].entries()) {
      put(db, i + 1, key);
      await machine.flush(db, `H${i}`);
    }
    let reads = 0;
    machine.fs.onOperation(({ kind }) => {
      if (kind === 'read') reads++;
      return 'ok';
    });
    expect(keysOf(db.iterator({ gt: bytes('m'), lt: bytes('z') }))).toEqual([]);
    expect(reads).toBe(0);
  });

  it('is counted until it is closed', async () => {
    const machine = new Machine();
    const db = await machine.open();
    const iterator = db.iterator();
    expect(db.stats().iterators).toBe(1);
    iterator.close();
    iterator.close();
    expect(db.stats().iterators).toBe(0);
  });
});
