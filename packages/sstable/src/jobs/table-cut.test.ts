import fc from 'fast-check';
import { bytes } from '../../test/support/entries.js';
import { TableCut } from './table-cut.js';

const below = (...ranges: readonly string[]) =>
  ranges.map((range) => {
    const [smallest = '', largest = smallest] = range.split('-');
    return { smallest: bytes(smallest), largest: bytes(largest), sizeBytes: 10 };
  });

/** The keys before which a table is ended, each key being kept. */
function cutsOf(cut: TableCut, keys: readonly string[]): string[] {
  const cuts: string[] = [];
  let isOpen = false;
  for (const key of keys) {
    const at = bytes(key);
    if (cut.isDue(at, 0, at.length, isOpen)) {
      cuts.push(key);
      cut.restart();
    }
    isOpen = true;
  }
  return cuts;
}

describe('TableCut', () => {
  it('ends a table before it lies over too much below', () => {
    const tables = below('a-b', 'c-d', 'e-f', 'g-h', 'i-j', 'k-l');
    const keys = [...'abcdefghijklm'];
    expect(cutsOf(new TableCut(tables, 20), keys)).toEqual(['g', 'm']);
    expect(cutsOf(new TableCut(tables, 10), keys)).toEqual(['e', 'i', 'm']);
    expect(cutsOf(new TableCut(tables, 60), keys)).toEqual([]);
    expect(cutsOf(new TableCut([], 0), keys)).toEqual([]);
  });

  it('does not count what lies before the first key of a table', () => {
    const tables = below('a-b', 'c-d', 'e-f', 'g-h');
    expect(cutsOf(new TableCut(tables, 10), ['g', 'i'])).toEqual([]);
    const cut = new TableCut(tables, 10);
    const [f, z] = [bytes('f'), bytes('z')];
    expect(cut.isDue(f, 0, 1, false)).toBe(false);
    // Its entry was dropped: the table begins with the next key, behind everything.
    expect(cut.isDue(z, 0, 1, false)).toBe(false);
  });

  it('leaves no table over more than it may and one table more', () => {
    const digits = fc.uniqueArray(fc.nat(199), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(digits, digits, fc.integer({ min: 1, max: 50 }), (starts, keys, limit) => {
        const name = (n: number): string => String(n).padStart(3, '0');
        const edges = [...starts].sort((a, b) => a - b).map(name);
        const tables = below(...edges.map((edge, i) => `${edge}-${edge}${i}`));
        const sorted = [...keys].sort((a, b) => a - b).map(name);
        const cuts = new Set(cutsOf(new TableCut(tables, limit), sorted));
        let first = sorted[0] ?? '';
        for (const [i, key] of sorted.entries()) {
          if (cuts.has(key)) first = key;
          const last = sorted[i + 1] === undefined || cuts.has(sorted[i + 1] ?? '');
          if (!last) continue;
          const inside = edges.filter((edge) => edge >= first && edge < key).length;
          expect(inside * 10).toBeLessThanOrEqual(limit + 10);
        }
      }),
    );
  });
});
