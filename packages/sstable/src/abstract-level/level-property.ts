import type { EmbeddedStats } from '../embedded/embedded-db.js';

const FILES_AT_LEVEL = /^leveldb\.num-files-at-level(\d+)$/;

/** Answers for the names that LevelDB knows; null for any other. */
export function levelProperty(name: string, stats: EmbeddedStats): string | null {
  const level = FILES_AT_LEVEL.exec(name)?.[1];
  if (level !== undefined) {
    const found = stats.levels[Number(level)];
    return found === undefined ? null : String(found.tables);
  }
  switch (name) {
    case 'leveldb.stats':
      return statsTable(stats);
    case 'leveldb.approximate-memory-usage':
      return String(stats.reservedBytes);
    default:
      return null;
  }
}

/** A line for each level that has something. */
function statsTable({ levels }: EmbeddedStats): string {
  const lines = ['level  tables  bytes  entries  deletions'];
  for (const [level, { tables, bytes, entries, deletions }] of levels.entries()) {
    if (tables > 0) lines.push([level, tables, bytes, entries, deletions].join('  '));
  }
  return `${lines.join('\n')}\n`;
}
