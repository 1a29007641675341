import type { KeyBounds } from '../contract.js';
import { MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import { join, tableName } from '../manifest/file-names.js';
import { ALL_KEYS } from '../read/bounds.js';
import type { Cursor } from '../read/cursor.js';
import { MergingCursor } from '../read/merging-cursor.js';
import type { TableMeta } from '../table/table-meta.js';
import { TableReader } from '../table/table-reader.js';
import { LevelCursor } from '../version/level-cursor.js';
import { type Job, STEP_BYTES, STEP_ENTRIES } from './job.js';
import { type SizedRange, TableCut } from './table-cut.js';
import { type TableDestination, TableOutput } from './table-output.js';
import { type KeyRange, VersionRetention } from './version-retention.js';

export interface CompactionInput {
  /** Sorted runs: each holds tables that do not overlap, in key order. */
  readonly runs: readonly (readonly TableMeta[])[];
  /** Tables of the levels below the one that is written, sorted, level by level. */
  readonly below: readonly (readonly KeyRange[])[];
  /** Tables of the level right below the one that is written, sorted. */
  readonly grandparents: readonly SizedRange[];
  /** A table is ended before it lies over more of them than this. */
  readonly maxGrandparentBytes: number;
  /** No reader asks for a state before this sequence. */
  readonly floor: number;
  /** Keys outside are dropped. Default: none is outside. */
  readonly bounds?: KeyBounds;
  /** Size at which a table is ended, at the next user key. */
  readonly tableBytes: number;
  readonly destination: TableDestination;
}

/**
 * Merges tables into new ones without what nobody can ask for any more (see VersionRetention). All
 * versions of a user key go into one table. May write no table at all. Opens files of its own and
 * passes the block cache by.
 */
export function* compactTables(input: CompactionInput): Job<readonly TableMeta[]> {
  const { destination, tableBytes } = input;
  const readers: TableReader[] = [];
  const output = new TableOutput(destination);
  let isDone = false;
  try {
    const runs = input.runs.map((tables) => {
      const opened = tables.map((meta) => {
        const path = join(destination.dir, tableName(meta.number));
        const reader = TableReader.open(destination.fs, path, meta, null);
        readers.push(reader);
        return { meta, reader };
      });
      return new LevelCursor(opened);
    });
    const merged = new MergingCursor(runs);
    const retention = new VersionRetention(input.floor, input.below);
    const cut = new TableCut(input.grandparents, input.maxGrandparentBytes);
    let entries = 0;
    let bytes = 0;
    const { start, end } = input.bounds ?? ALL_KEYS;
    if (start === null) merged.first();
    else merged.seek(start, 0, start.length, MAX_SEQUENCE);
    for (; merged.valid && isBefore(merged, end); merged.next()) {
      const isKept = retention.keeps(merged);
      if (retention.isNewKey) {
        const { keyBytes, keyStart, keyEnd } = merged;
        const isOver = cut.isDue(keyBytes, keyStart, keyEnd, output.openBytes > 0);
        // With the last slot in use its table takes the rest, however large it becomes.
        if ((isOver || output.openBytes >= tableBytes) && output.hasSlot) {
          yield* output.finishTable();
          cut.restart();
        }
      }
      if (isKept) output.add(merged);
      bytes += merged.valueEnd - merged.valueStart;
      if (++entries < STEP_ENTRIES && bytes < STEP_BYTES) continue;
      entries = 0;
      bytes = 0;
      yield output.stepWait;
    }
    yield* output.finishTable();
    isDone = true;
    return [...output.finished];
  } finally {
    for (const reader of readers) reader.close();
    if (!isDone) output.discard();
  }
}

function isBefore({ keyBytes, keyStart, keyEnd }: Cursor, end: Uint8Array | null): boolean {
  return end === null || compareRanges(keyBytes, keyStart, keyEnd, end, 0, end.length) < 0;
}
