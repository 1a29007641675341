import fc from 'fast-check';
import {
  ArrayCursor,
  bytes,
  del,
  type Entry,
  entryArbitrary,
  keyArbitrary,
  put,
  sorted,
  text,
} from '../../test/support/entries.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import { MergingCursor } from './merging-cursor.js';
import { ViewIterator, type ViewIteratorOptions } from './view-iterator.js';

const everything: ViewIteratorOptions = {
  start: null,
  end: null,
  isReverse: false,
  sequence: 100,
  keysOnly: false,
};

function iteratorOver(
  entries: readonly Entry[],
  options: Partial<ViewIteratorOptions> = {},
): ViewIterator {
  const lifetime = { isClosed: false, release: () => undefined };
  const cursor = new MergingCursor([new ArrayCursor(sorted(entries))]);
  return new ViewIterator(cursor, { ...everything, ...options }, lifetime);
}

/** What an iterator must show, in its own order. */
function visible(entries: readonly Entry[], options: ViewIteratorOptions): Entry[] {
  const { start, end, sequence, isReverse } = options;
  const newest: Entry[] = [];
  for (const entry of sorted(entries)) {
    if (entry.sequence > sequence) continue;
    const last = newest.at(-1);
    if (last === undefined || compareKeys(last.key, entry.key) !== 0) newest.push(entry);
  }
  const shown = newest.filter(
    ({ key, kind }) =>
      kind !== Kind.Delete &&
      (start === null || compareKeys(key, start) >= 0) &&
      (end === null || compareKeys(key, end) < 0),
  );
  return isReverse ? shown.reverse() : shown;
}

function here(iterator: ViewIterator): Entry {
  return {
    key: iterator.key().slice(),
    value: iterator.value().slice(),
    sequence: iterator.sequence(),
    kind: iterator.marked() ? Kind.SetMarked : Kind.Set,
  };
}

function rest(iterator: ViewIterator): Entry[] {
  const found: Entry[] = [];
  while (iterator.next()) found.push(here(iterator));
  return found;
}

const bound = fc.option(keyArbitrary);
const optionsArbitrary: fc.Arbitrary<ViewIteratorOptions> = fc.record({
  start: bound,
  end: bound,
  isReverse: fc.boolean(),
  sequence: fc.integer({ min: 0, max: 40 }),
  keysOnly: fc.boolean(),
});
/** Few keys with many versions. */
const historyArbitrary = fc.array(
  fc.record({ entry: entryArbitrary, sequence: fc.integer({ min: 0, max: 40 }) }),
  { maxLength: 120 },
);
const entriesArbitrary = historyArbitrary.map((list) =>
  sorted(list.map(({ entry, sequence }) => ({ ...entry, key: entry.key.slice(0, 2), sequence }))),
);

describe('ViewIterator', () => {
  it('shows the newest visible version of each key inside the bounds, both ways', () => {
    fc.assert(
      fc.property(entriesArbitrary, optionsArbitrary, (entries, options) => {
        const expected = visible(entries, options);
        const shown = options.keysOnly
          ? expected.map((entry) => ({ ...entry, value: bytes('') }))
          : expected;
        const iterator = iteratorOver(entries, options);
        expect(rest(iterator)).toEqual(shown);
        expect(iterator.next()).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('shows the same by steps that pass over few versions at a time', () => {
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { maxLength: 60 }),
        optionsArbitrary,
        fc.integer({ min: 1, max: 12 }),
        (entries, options, most) => {
          const iterator = iteratorOver(entries, { ...options, keysOnly: false });
          const found: Entry[] = [];
          let passes = 0;
          for (let where = iterator.step(most); where !== 'end'; where = iterator.step(most)) {
            if (where === 'at') found.push(here(iterator));
            else passes++;
          }
          expect(found).toEqual(visible(entries, options));
          expect(passes).toBeLessThanOrEqual(entries.length / most);
        },
      ),
    );
  });

  it.each([false, true])('is not away for longer than it was told (reverse: %s)', (isReverse) => {
    const gone = Array.from({ length: 1000 }, (_, i) => del(`k${1000 + i}`, i + 1));
    const iterator = iteratorOver([put('a', 1, ''), ...gone, put('z', 1, '')], { isReverse });
    const said: string[] = [];
    for (let where = iterator.step(100); where !== 'end'; where = iterator.step(100)) {
      said.push(where === 'at' ? text(iterator.key()) : where);
      if (where === 'passing') expect(() => iterator.key()).toThrow('stands at no entry');
    }
    expect(said.length).toBeGreaterThanOrEqual(2 + 9);
    expect(said.filter((one) => one !== 'passing')).toEqual(isReverse ? ['z', 'a'] : ['a', 'z']);
  });

  it('seeks inside its bounds and goes on from there, any number of times', () => {
    fc.assert(
      fc.property(
        entriesArbitrary,
        optionsArbitrary,
        fc.array(fc.tuple(keyArbitrary, fc.nat(3)), { maxLength: 5 }),
        (entries, options, seeks) => {
          const expected = visible(entries, { ...options });
          const iterator = iteratorOver(entries, { ...options, keysOnly: false });
          for (const [target, steps] of seeks) {
            const at = expected.findIndex(({ key }) =>
              options.isReverse ? compareKeys(key, target) <= 0 : compareKeys(key, target) >= 0,
            );
            const tail = at < 0 ? [] : expected.slice(at);
            expect(iterator.seek(target)).toBe(tail.length > 0);
            for (let i = 0; i <= steps && i < tail.length; i++) {
              expect(here(iterator)).toEqual(tail[i]);
              if (i < steps) expect(iterator.next()).toBe(i + 1 < tail.length);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([false, true])('passes over long histories (reverse: %s)', (isReverse) => {
    const entries: Entry[] = [];
    for (const key of ['a', 'b', 'c']) {
      for (let sequence = 0; sequence <= 60; sequence++) entries.push(put(key, sequence));
    }
    entries.push(del('b', 61));
    const options = { ...everything, isReverse, sequence: 30 };
    for (const sequence of [0, 30, 60, 61]) {
      const expected = visible(entries, { ...options, sequence });
      expect(rest(iteratorOver(entries, { isReverse, sequence }))).toEqual(expected);
    }
  });

  it('gives views of a key and a value that end with the next move', () => {
    const iterator = iteratorOver([put('a', 1, 'x'), put('b', 1, 'y')]);
    iterator.next();
    expect([text(iterator.key()), text(iterator.value())]).toEqual(['a', 'x']);
  });

  it('stands nowhere before the first move and after the last', () => {
    const iterator = iteratorOver([put('a', 1)]);
    const nowhere = expect.objectContaining({ code: 'SST_USAGE' });
    expect(() => iterator.key()).toThrow(nowhere);
    iterator.next();
    iterator.next();
    expect(() => iterator.value()).toThrow(nowhere);
    expect(() => iterator.sequence()).toThrow(nowhere);
  });

  it('is of no use after close', () => {
    let released = 0;
    const lifetime = { isClosed: false, release: () => released++ };
    const iterator = new ViewIterator(new MergingCursor([]), everything, lifetime);
    iterator.close();
    iterator.close();
    expect(released).toBe(1);
    expect(() => iterator.next()).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
    expect(() => iterator.seek(bytes('a'))).toThrow(
      expect.objectContaining({ code: 'SST_CLOSED' }),
    );
  });
});
