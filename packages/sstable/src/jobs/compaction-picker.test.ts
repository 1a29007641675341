import { bytes } from '../../test/support/entries.js';
import { fileOf, versionOf } from '../../test/support/metas.js';
import type { NewFile } from '../manifest/version-edit.js';
import { pickCompaction } from './compaction-picker.js';

const limits = { level0Tables: 2, level1Bytes: 2000 };

function pick(
  files: readonly NewFile[],
  pointers: ReadonlyMap<number, Uint8Array> = new Map(),
): { level: number; upper: number[]; lower: number[] } | null {
  const picked = pickCompaction(versionOf(files), limits, pointers);
  if (picked === null) return null;
  const numbers = (tables: typeof picked.upper): number[] => tables.map(({ meta }) => meta.number);
  return { level: picked.level, upper: numbers(picked.upper), lower: numbers(picked.lower) };
}

describe('the choice of a compaction', () => {
  it('is none while no level is full', () => {
    expect(pick([])).toBeNull();
    expect(
      pick([fileOf(0, 1, 'a-z'), fileOf(1, 2, 'a-z'), fileOf(6, 3, 'a-z', [1, 2], 1e12)]),
    ).toBeNull();
  });

  it('takes all of level 0 and what they overlap', () => {
    const files = [
      fileOf(0, 1, 'c-d', [1, 2]),
      fileOf(0, 2, 'h-k', [3, 4]),
      fileOf(1, 3, 'a-b', [1, 2], 500),
      fileOf(1, 4, 'e-f', [1, 2], 500),
      fileOf(1, 5, 'l-m', [1, 2], 500),
    ];
    expect(pick(files)).toEqual({ level: 0, upper: [2, 1], lower: [4] });
  });

  it('takes the tables of a level in turn', () => {
    const files = [
      fileOf(1, 1, 'a-b'),
      fileOf(1, 2, 'c-d'),
      fileOf(1, 3, 'e-f'),
      fileOf(2, 4, 'b-c'),
    ];
    expect(pick(files)).toEqual({ level: 1, upper: [1], lower: [4] });
    expect(pick(files, new Map([[1, bytes('b')]]))).toEqual({ level: 1, upper: [2], lower: [4] });
    expect(pick(files, new Map([[1, bytes('d')]]))).toEqual({ level: 1, upper: [3], lower: [] });
    expect(pick(files, new Map([[1, bytes('f')]]))).toEqual({ level: 1, upper: [1], lower: [4] });
  });

  it('takes the fullest level first', () => {
    const files = [
      fileOf(0, 1, 'a-b', [1, 2]),
      fileOf(0, 2, 'a-b', [3, 4]),
      fileOf(1, 3, 'a-b', [1, 9], 3000),
      fileOf(2, 4, 'x-y', [1, 9], 100_000),
    ];
    expect(pick(files)?.level).toBe(2);
    expect(pick(files.slice(0, 3))?.level).toBe(1);
    expect(pick(files.slice(0, 2))?.level).toBe(0);
  });
});
