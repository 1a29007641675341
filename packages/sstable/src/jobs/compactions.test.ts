import fc from 'fast-check';
import { versionOf } from '../../test/support/metas.js';
import type { NewFile } from '../manifest/version-edit.js';
import { ALL_KEYS } from '../read/bounds.js';
import type { TableMeta } from '../table/table-meta.js';
import { findLevelDamage } from '../version/level-check.js';
import { bytesOf, type CompactionPick } from './compaction-pick.js';
import { pickCompaction, shapeOf } from './compaction-picker.js';
import { levelShape } from './level-shape.js';
import { ManualCompaction } from './manual-compaction.js';

/** A version of a key; each counts 10 bytes. */
interface Item {
  readonly key: number;
  readonly sequence: number;
  readonly isDelete: boolean;
}

const ITEM_BYTES = 10;
const limits = { level0Tables: 3, level1Bytes: 200, tableBytes: 60 };

/** Levels of tables that hold nothing but keys and sequences, compacted as the picks say. */
class Levels {
  readonly contents = new Map<number, readonly Item[]>();
  files: NewFile[] = [];
  floor = 0;
  #nextNumber = 1;

  get version() {
    return versionOf(this.files);
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  flush(items: readonly Item[]): void {
    const sorted = [...items].sort(inOrder);
    if (sorted.length > 0) this.files.push({ level: 0, table: this.#table(sorted) });
  }

  apply({ level, outputLevel, upper, lower, isMove }: CompactionPick): void {
    const inputs = new Set([...upper, ...lower].map(({ meta }) => meta.number));
    this.files = this.files.filter(({ table }) => !inputs.has(table.number));
    if (isMove) {
      this.files.push(...upper.map(({ meta }) => ({ level: outputLevel, table: meta })));
      return;
    }
    expect(upper.length).toBeGreaterThan(0);
    expect(outputLevel).toBeGreaterThanOrEqual(level);
    const merged = [...inputs].flatMap((number) => this.contents.get(number) ?? []).sort(inOrder);
    const kept = merged.filter((item, i) => this.#isKept(item, merged[i - 1], outputLevel));
    for (let from = 0; from < kept.length; ) {
      let to = from + limits.tableBytes / ITEM_BYTES;
      while (kept[to] !== undefined && kept[to]?.key === kept[to - 1]?.key) to++;
      this.files.push({ level: outputLevel, table: this.#table(kept.slice(from, to)) });
      from = to;
    }
  }

  /** What a reader at or above the floor sees of each key. */
  seen(): Map<number, number> {
    const newest = new Map<number, Item>();
    for (const { table } of this.files) {
      for (const item of this.contents.get(table.number) ?? []) {
        if (item.sequence >= (newest.get(item.key)?.sequence ?? -1)) newest.set(item.key, item);
      }
    }
    const alive = [...newest.values()].filter(({ isDelete }) => !isDelete);
    return new Map(alive.map(({ key, sequence }) => [key, sequence]));
  }

  /** Invariant I8: for each user key, newer sequences lie in higher levels; and the tables of a level are apart. */
  check(): void {
    const damage = findLevelDamage(this.files);
    if (damage !== null) throw new Error(damage);
    const oldestAbove = new Map<number, number>();
    const places = [...this.files].sort(
      (a, b) => a.level - b.level || b.table.largestSequence - a.table.largestSequence,
    );
    for (const { table } of places) {
      const items = this.contents.get(table.number) ?? [];
      for (const { key, sequence } of items) {
        const above = oldestAbove.get(key) ?? Number.POSITIVE_INFINITY;
        // Thousands of times: expect() would take seconds.
        if (sequence >= above) throw new Error(`${key}@${sequence} lies below ${key}@${above}`);
      }
      for (const { key, sequence } of items) {
        const before = oldestAbove.get(key) ?? Number.POSITIVE_INFINITY;
        oldestAbove.set(key, Math.min(before, sequence));
      }
    }
  }

  #isKept(item: Item, before: Item | undefined, outputLevel: number): boolean {
    const isHidden = before?.key === item.key && before.sequence <= this.floor;
    if (isHidden) return false;
    if (!item.isDelete || item.sequence > this.floor) return true;
    return this.files.some(
      ({ level, table }) =>
        level > outputLevel &&
        (this.contents.get(table.number) ?? []).some(({ key }) => key === item.key),
    );
  }

  #table(items: readonly Item[]): TableMeta {
    const number = this.#nextNumber++;
    this.contents.set(number, items);
    const sequences = items.map(({ sequence }) => sequence);
    return {
      number,
      sizeBytes: items.length * ITEM_BYTES,
      smallest: Uint8Array.of(items[0]?.key ?? 0),
      largest: Uint8Array.of(items.at(-1)?.key ?? 0),
      smallestSequence: Math.min(...sequences),
      largestSequence: Math.max(...sequences),
      tableId: new Uint8Array(16).fill(number),
      fileCrc: number,
      entries: items.length,
      deletions: items.filter(({ isDelete }) => isDelete).length,
    };
  }
}

function inOrder(a: Item, b: Item): number {
  return a.key - b.key || b.sequence - a.sequence;
}

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constant('flush' as const),
      keys: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 12 }),
      deletes: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 10, arbitrary: fc.record({ op: fc.constant('compact' as const) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('floor' as const), ago: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('manual' as const),
      steps: fc.integer({ min: 1, max: 9 }),
    }),
  },
);

describe('compactions, whatever is flushed and whichever are done', () => {
  it('keep newer versions above older ones (I8), show the same, and come to an end', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 100, size: 'max' }), (steps) => {
        const levels = new Levels();
        let sequence = 0;
        let manual: ManualCompaction | null = null;
        const compact = (): boolean => {
          const { version, floor } = levels;
          let pick: CompactionPick | null = pickCompaction(version, limits, floor);
          const ofHand = manual?.next(version) ?? null;
          if (ofHand !== null) pick = ofHand;
          if (pick === null) return false;
          const before = String([...levels.seen()].sort());
          levels.apply(pick);
          if (pick.reason === 'manual') manual?.finished(pick);
          levels.check();
          if (String([...levels.seen()].sort()) !== before)
            throw new Error('it shows another state');
          reached.add(pick.isMove ? 'move' : pick.reason).add(`level ${pick.outputLevel}`);
          return true;
        };
        for (const operation of steps) {
          if (operation.op === 'flush') {
            levels.flush(
              operation.keys.map((key, i) => ({
                key,
                sequence: ++sequence,
                isDelete: i % operation.deletes === 1,
              })),
            );
            levels.check();
          } else if (operation.op === 'floor') {
            levels.floor = Math.max(levels.floor, sequence - operation.ago);
          } else if (operation.op === 'manual') {
            const { floor, nextNumber } = levels;
            manual = new ManualCompaction(
              ALL_KEYS,
              limits,
              () => ({ floor, bounds: null }),
              nextNumber,
            );
            for (let i = 0; i < operation.steps && compact(); i++);
            manual = null;
          } else compact();
        }
        let left = 0;
        while (compact() && left < 1000) left++;
        expect(left).toBeLessThan(1000);
        const { version } = levels;
        const sizes = version.levels.map(bytesOf);
        const { maxBytes } = shapeOf(version, limits);
        for (const [level, size] of sizes.entries()) {
          if (level > 0) expect(size).toBeLessThanOrEqual(maxBytes[level] ?? 0);
        }
        expect(version.levels[0]?.length).toBeLessThan(limits.level0Tables);
      }),
      { numRuns: 25 },
    );
    expect([...reached].sort()).toEqual([
      'level 0',
      'level 5',
      'level 6',
      'manual',
      'move',
      'size',
      'tombstones',
    ]);
  });

  it('leave most of a large database in its last level', () => {
    const levels = new Levels();
    let sequence = 0;
    for (let round = 0; round < 300; round++) {
      const items = Array.from({ length: 6 }, (_, i) => ({
        key: (round * 37 + i * 41) % 251,
        sequence: ++sequence,
        isDelete: false,
      }));
      levels.flush(items);
      for (
        let pick = pickCompaction(levels.version, limits, levels.floor);
        pick !== null;
        pick = pickCompaction(levels.version, limits, levels.floor)
      ) {
        levels.apply(pick);
      }
    }
    levels.check();
    const sizes = levels.version.levels.map(bytesOf);
    const { base } = levelShape(sizes, limits.level1Bytes);
    expect(base).toBeLessThan(6);
    const above = sizes.slice(1, 6).reduce((sum, size) => sum + size, 0);
    expect(above / (sizes[6] ?? 0)).toBeLessThan(0.35);
  });
});
