import type { FileSystem } from '@dougdb/ports';
import { tableName } from '../../src/manifest/file-names.js';
import { dumpManifest, dumpTable, verifyDb } from '../../src/node/index.js';
import { findLevelDamage } from '../../src/version/level-check.js';

/**
 * Reads all tables of a closed database and answers what breaks the order of the levels, null if nothing
 * does: every version of a user key in an upper place is newer than every version of it below. Places
 * are the tables of level 0, newest first, then the levels.
 */
export function findOrderDamage(fs: FileSystem, dir: string): string | null {
  const { manifest } = verifyDb(fs, dir);
  const { files } = dumpManifest(fs, dir, manifest ?? 0);
  const damage = findLevelDamage(files);
  if (damage !== null) return damage;
  const ordered = [...files].sort(
    (a, b) => a.level - b.level || b.table.largestSequence - a.table.largestSequence,
  );
  /** For each key: the place where it was seen last, and its oldest sequences up to there. */
  const seen = new Map<string, { place: string; oldestHere: number; oldestAbove: number }>();
  for (const { level, table } of ordered) {
    const place = level === 0 ? `table ${table.number} of level 0` : `level ${level}`;
    let problem: string | null = null;
    dumpTable(fs, `${dir}/${tableName(table.number)}`, ({ key, sequence }) => {
      const name = String(key);
      let state = seen.get(name);
      if (state?.place !== place) {
        const oldestAbove = state?.oldestHere ?? Number.POSITIVE_INFINITY;
        state = { place, oldestHere: oldestAbove, oldestAbove };
        seen.set(name, state);
      }
      if (sequence >= state.oldestAbove) {
        problem ??= `${place} has a version ${sequence} of key ${name}, above stands ${state.oldestAbove}`;
      }
      state.oldestHere = Math.min(state.oldestHere, sequence);
    });
    if (problem !== null) return problem;
  }
  return null;
}
