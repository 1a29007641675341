import { compareKeys } from '../encoding/key-order.js';
import { LEVELS, type NewFile } from '../manifest/version-edit.js';

/**
 * Checks what each version must hold by its table entries alone: keys and sequences in order, level 0
 * with sequence ranges that follow each other, other levels without overlap. Answers what is wrong,
 * null if nothing is.
 */
export function findLevelDamage(files: readonly NewFile[]): string | null {
  const numbers = new Set<number>();
  for (const { table } of files) {
    if (numbers.has(table.number)) return `table ${table.number} is named twice`;
    numbers.add(table.number);
    if (compareKeys(table.smallest, table.largest) > 0)
      return `table ${table.number} ends before it starts`;
    if (table.smallestSequence > table.largestSequence)
      return `table ${table.number} has no sequences`;
  }
  for (let level = 0; level < LEVELS; level++) {
    const tables = files.filter((file) => file.level === level).map(({ table }) => table);
    const damage = level === 0 ? flushOrderDamage(tables) : overlapDamage(tables);
    if (damage !== null) return `level ${level}: ${damage}`;
  }
  return null;
}

type Tables = NewFile['table'][];

function flushOrderDamage(tables: Tables): string | null {
  tables.sort((a, b) => a.smallestSequence - b.smallestSequence);
  for (const [i, table] of tables.entries()) {
    const before = tables[i - 1];
    if (before !== undefined && before.largestSequence >= table.smallestSequence) {
      return `tables ${before.number} and ${table.number} share sequences`;
    }
  }
  return null;
}

function overlapDamage(tables: Tables): string | null {
  tables.sort((a, b) => compareKeys(a.smallest, b.smallest));
  for (const [i, table] of tables.entries()) {
    const before = tables[i - 1];
    if (before !== undefined && compareKeys(before.largest, table.smallest) >= 0) {
      return `tables ${before.number} and ${table.number} overlap`;
    }
  }
  return null;
}
