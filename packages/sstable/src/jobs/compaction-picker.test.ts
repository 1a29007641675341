import { bytes } from '../../test/support/entries.js';
import { fileOf, metaOf, versionOf } from '../../test/support/metas.js';
import type { RangeOptions } from '../contract.js';
import type { NewFile } from '../manifest/version-edit.js';
import { boundsOf } from '../read/bounds.js';
import { compactionDebt } from './compaction-debt.js';
import type { CompactionPick } from './compaction-pick.js';
import { nextTombstoneFloor, pickCompaction } from './compaction-picker.js';
import { ManualCompaction } from './manual-compaction.js';

const limits = { level0Tables: 2, level1Bytes: 2000, tableBytes: 1000 };

const numbersOf = (tables: CompactionPick['upper']): number[] =>
  tables.map(({ meta }) => meta.number);

function shown(pick: CompactionPick | null): object | null {
  if (pick === null) return null;
  const { reason, level, outputLevel, upper, lower, isMove } = pick;
  const tables = { upper: numbersOf(upper), lower: numbersOf(lower) };
  return { reason, from: level, to: outputLevel, ...tables, ...(isMove ? { isMove } : {}) };
}

const pick = (files: readonly NewFile[], floor = 0): object | null =>
  shown(pickCompaction(versionOf(files), limits, floor));

/** A table of 3 entries, so many of them tombstones. */
const withDeletions = (
  level: number,
  keys: string,
  number: number,
  deletions: number,
): NewFile => ({
  level,
  table: { ...metaOf(number, keys, [1, 9]), deletions },
});

describe('the choice of a compaction', () => {
  it('is none while no level is full', () => {
    expect(pick([])).toBeNull();
    const last = fileOf(6, 3, 'a-z', [1, 2], 1e12);
    expect(pick([fileOf(0, 1, 'a-z'), last])).toBeNull();
  });

  it('takes all of level 0, to the last level while the database is small', () => {
    const files = [
      fileOf(0, 1, 'c-d', [11, 12]),
      fileOf(0, 2, 'h-k', [13, 14]),
      fileOf(6, 3, 'a-b', [1, 2], 500),
      fileOf(6, 4, 'e-f', [1, 2], 500),
      fileOf(6, 5, 'l-m', [1, 2], 500),
    ];
    expect(pick(files)).toEqual({ reason: 'level 0', from: 0, to: 6, upper: [2, 1], lower: [4] });
  });

  it('takes level 0 to the level that fits the size of the database', () => {
    const files = [fileOf(0, 1, 'c-d', [11, 12]), fileOf(0, 2, 'c-d', [13, 14])];
    const upper = { reason: 'level 0', from: 0, upper: [2, 1], lower: [] };
    expect(pick([...files, fileOf(6, 3, 'x-y', [1, 2], 3000)])).toEqual({ ...upper, to: 5 });
    expect(pick([...files, fileOf(6, 3, 'x-y', [1, 2], 30_000)])).toEqual({ ...upper, to: 4 });
  });

  it('only moves tables that overlap neither each other nor anything below', () => {
    const apart = [fileOf(0, 1, 'c-d', [11, 12]), fileOf(0, 2, 'e-f', [13, 14])];
    const below = fileOf(6, 3, 'x-y', [1, 2], 500);
    expect(pick([...apart, below])).toMatchObject({ upper: [2, 1], to: 6, isMove: true });
    const touching = [fileOf(0, 1, 'c-e', [11, 12]), fileOf(0, 2, 'e-f', [13, 14])];
    expect(pick([...touching, below])).not.toHaveProperty('isMove');
    expect(pick([...apart, fileOf(6, 3, 'd-e', [1, 2], 500)])).not.toHaveProperty('isMove');
  });

  it('does not move a table over too much of the level below its new one', () => {
    const upper = fileOf(4, 1, 'a-z', [11, 12], 2500);
    const last = fileOf(6, 3, 'a-z', [1, 2], 10_000);
    const large = { ...last, table: { ...last.table, sizeBytes: 10_001 } };
    expect(pick([upper, last])).toMatchObject({ from: 4, isMove: true });
    expect(pick([upper, large])).not.toHaveProperty('isMove');
  });

  it('takes the table that rewrites the least below for what it moves', () => {
    const files = [
      fileOf(5, 1, 'a-b', [11, 19], 1000),
      fileOf(5, 2, 'c-d', [11, 19], 1000),
      fileOf(5, 3, 'e-f', [11, 19], 1000),
      fileOf(6, 4, 'a-b', [1, 9], 9000),
      fileOf(6, 5, 'c-c', [1, 9], 500),
      fileOf(6, 6, 'd-d', [1, 9], 400),
      fileOf(6, 7, 'f-h', [1, 9], 5000),
    ];
    expect(pick(files)).toEqual({ reason: 'size', from: 5, to: 6, upper: [2], lower: [5, 6] });
  });

  it('counts a tombstone as the entry that it hides', () => {
    const files = [withDeletions(5, 'a-b', 1, 3), fileOf(6, 3, 'a-z', [1, 2], 2500)];
    expect(
      pick(files.map(({ level, table }) => ({ level, table: { ...table, deletions: 0 } }))),
    ).toBeNull();
    expect(pick(files)).toMatchObject({ reason: 'size', from: 5 });
  });

  it('takes the fullest level first, but level 0 when writes are about to wait for it', () => {
    const level0 = (count: number): NewFile[] =>
      Array.from({ length: count }, (_, i) => fileOf(0, 10 + i, 'a-b', [100 + i, 100 + i]));
    const rest = [fileOf(5, 1, 'a-b', [11, 12], 6000), fileOf(6, 3, 'x-y', [1, 9], 3000)];
    expect(pick([...level0(3), ...rest])).toMatchObject({ from: 5 });
    expect(pick([...level0(4), ...rest])).toMatchObject({ from: 0 });
  });

  it('brings levels that were filled from the top into shape', () => {
    const files = [
      fileOf(1, 1, 'a-c', [11, 12], 1900),
      fileOf(2, 2, 'a-b', [1, 2], 9000),
      fileOf(2, 3, 'c-d', [1, 2], 8000),
    ];
    expect(pick(files)).toMatchObject({ from: 2, to: 3, isMove: true });
  });
});

describe('tables that are mostly tombstones', () => {
  it('are written anew once nobody can ask for what they hide', () => {
    const files = [withDeletions(6, 'a-b', 1, 2), withDeletions(6, 'c-d', 2, 1)];
    expect(pick(files, 8)).toBeNull();
    expect(pick(files, 9)).toEqual({ reason: 'tombstones', from: 6, to: 6, upper: [1], lower: [] });
  });

  it('go down where something below may hold what they hide', () => {
    const above = withDeletions(4, 'a-b', 1, 2);
    const last = fileOf(6, 3, 'b-c', [1, 2], 900);
    expect(pick([above, last], 9)).toMatchObject({ reason: 'tombstones', from: 4, to: 5 });
    expect(pick([above, last], 9)).not.toHaveProperty('isMove');
    expect(pick([above, fileOf(6, 3, 'x-y', [1, 2], 900)], 9)).toMatchObject({ from: 4, to: 4 });
  });

  it('wait until all levels are in shape, and are foreseen', () => {
    const dense = withDeletions(6, 'a-b', 1, 3);
    const level0 = [fileOf(0, 7, 'a-b', [20, 21]), fileOf(0, 8, 'a-b', [22, 23])];
    expect(pick([dense, ...level0], 9)).toMatchObject({ reason: 'level 0' });
    expect(nextTombstoneFloor(versionOf([dense, ...level0]))).toBe(9);
    expect(nextTombstoneFloor(versionOf(level0))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a compaction of a range', () => {
  function stepsOf(files: readonly NewFile[], range: RangeOptions, floor = 0): (object | null)[] {
    const version = versionOf(files);
    const manual = new ManualCompaction(
      boundsOf(range),
      limits,
      () => ({ floor, bounds: null }),
      1000,
    );
    const steps: (object | null)[] = [];
    for (let step = manual.next(version); step !== null; step = manual.next(version)) {
      expect(shown(manual.next(version))).toEqual(shown(step));
      steps.push(shown(step));
      manual.finished(step);
    }
    return steps;
  }

  const files = [
    fileOf(0, 1, 'c-d', [31, 32]),
    fileOf(0, 2, 'x-z', [33, 34]),
    fileOf(5, 3, 'a-d', [11, 12]),
    fileOf(5, 4, 'g-k', [11, 12]),
    fileOf(5, 5, 'p-r', [11, 12]),
    fileOf(6, 6, 'a-m', [1, 9], 3000),
  ];

  it('goes down level by level, table by table', () => {
    expect(stepsOf(files, {})).toEqual([
      { reason: 'manual', from: 0, to: 5, upper: [2, 1], lower: [3, 4, 5] },
      { reason: 'manual', from: 5, to: 6, upper: [3], lower: [6] },
      { reason: 'manual', from: 5, to: 6, upper: [4], lower: [6] },
      { reason: 'manual', from: 5, to: 6, upper: [5], lower: [], isMove: true },
    ]);
  });

  it('leaves out what holds no key of it', () => {
    const numbers = (range: RangeOptions): unknown =>
      stepsOf(files, range).map((step) => (step as { upper: number[] }).upper);
    expect(numbers({ start: bytes('e'), end: bytes('g') })).toEqual([]);
    expect(numbers({ start: bytes('e'), end: bytes('h') })).toEqual([[4]]);
    expect(numbers({ start: bytes('r') })).toEqual([[2, 1], [5]]);
  });

  it('writes the deepest tables anew where tombstones may be dropped', () => {
    const last = [withDeletions(6, 'a-b', 1, 1), withDeletions(6, 'c-d', 2, 0)];
    expect(stepsOf(last, {}, 0)).toEqual([]);
    expect(stepsOf(last, {}, 5)).toEqual([
      { reason: 'manual', from: 6, to: 6, upper: [1], lower: [] },
    ]);
  });
});

describe('the debt of compactions', () => {
  it('is what has to be written until all levels are in shape', () => {
    const debt = (files: readonly NewFile[]): number => compactionDebt(versionOf(files), limits);
    expect(debt([fileOf(0, 1, 'a-b'), fileOf(6, 2, 'a-b', [1, 2], 9000)])).toBe(0);
    const level0 = [fileOf(0, 1, 'a-b'), fileOf(0, 3, 'a-b')];
    expect(debt([...level0, fileOf(6, 2, 'a-b', [1, 2], 1500)])).toBe(2000 + 1500);
    // 1,000 too much in level 5, each byte with its three of level 6.
    expect(debt([fileOf(5, 1, 'a-b', [3, 4], 3000), fileOf(6, 2, 'a-b', [1, 2], 9000)])).toBe(4000);
  });
});
