import { bytes } from '../../test/support/entries.js';
import { fileOf, versionOf } from '../../test/support/metas.js';
import { findLevelDamage } from './level-check.js';
import { findTable, overlapping } from './version.js';

describe('a version', () => {
  it('orders level 0 by age, newest first, the others by key', () => {
    const version = versionOf([
      fileOf(0, 1, 'a-z', [1, 5]),
      fileOf(0, 2, 'a-b', [6, 9]),
      fileOf(1, 3, 'm-p'),
      fileOf(1, 4, 'a-c'),
    ]);
    const numbers = version.levels.map((tables) => tables.map(({ meta }) => meta.number));
    expect(numbers.slice(0, 3)).toEqual([[2, 1], [4, 3], []]);
    expect(version.files().map(({ level, table }) => [level, table.number])).toEqual([
      [0, 2],
      [0, 1],
      [1, 4],
      [1, 3],
    ]);
  });

  it('finds the table of a key and those of a range', () => {
    const [, level1 = []] = versionOf([
      fileOf(1, 1, 'b-d'),
      fileOf(1, 2, 'f-h'),
      fileOf(1, 3, 'j-l'),
    ]).levels;
    expect(['a', 'b', 'd', 'e', 'l', 'm'].map((key) => findTable(level1, bytes(key)))).toEqual([
      0, 0, 0, 1, 2, 3,
    ]);
    const numbersIn = (from: string, to: string): number[] =>
      overlapping(level1, bytes(from), bytes(to)).map(({ meta }) => meta.number);
    expect(numbersIn('d', 'f')).toEqual([1, 2]);
    expect(numbersIn('e', 'e')).toEqual([]);
    expect(numbersIn('a', 'z')).toEqual([1, 2, 3]);
  });

  it('keeps its tables until the last reader lets go', () => {
    const gone: number[] = [];
    const version = versionOf([fileOf(0, 1, 'a-b'), fileOf(1, 2, 'a-b')], ({ meta }) =>
      gone.push(meta.number),
    );
    version.acquire();
    version.acquire();
    version.release();
    expect(gone).toEqual([]);
    version.release();
    expect(gone).toEqual([1, 2]);
  });
});

describe('the check of levels', () => {
  it('accepts levels that hold together', () => {
    expect(
      findLevelDamage([
        fileOf(0, 1, 'a-z', [1, 5]),
        fileOf(0, 2, 'a-z', [6, 6]),
        fileOf(1, 3, 'a-c', [1, 9]),
        fileOf(1, 4, 'd-d', [1, 9]),
      ]),
    ).toBeNull();
  });

  it.each([
    ['keys that overlap', [fileOf(1, 1, 'a-c'), fileOf(1, 2, 'c-d')]],
    ['flushes that share sequences', [fileOf(0, 1, 'a', [1, 5]), fileOf(0, 2, 'b', [5, 6])]],
    ['a table named twice', [fileOf(1, 1, 'a'), fileOf(2, 1, 'a')]],
    ['keys the wrong way round', [fileOf(1, 1, 'b-a')]],
    ['sequences the wrong way round', [fileOf(1, 1, 'a', [2, 1])]],
  ])('finds %s', (_, files) => {
    expect(findLevelDamage(files)).not.toBeNull();
  });
});
