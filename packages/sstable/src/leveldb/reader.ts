import type { FileSystem } from '@dougdb/ports';
import type { BlockCache } from '../block-cache.js';
import { type DbIterator, type IteratorOptions, SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import { MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import { join } from '../manifest/file-names.js';
import { Memtable } from '../memtable/memtable.js';
import type { Cursor } from '../read/cursor.js';
import { MergingCursor } from '../read/merging-cursor.js';
import { ViewIterator } from '../read/view-iterator.js';
import type { TableMeta } from '../table/table-meta.js';
import { TableReader } from '../table/table-reader.js';
import { LevelCursor, type LevelTable } from '../version/level-cursor.js';
import {
  type LevelDbContents,
  readFile,
  readLevelDb,
  sortedLevel,
  userKeyOf,
} from './directory.js';
import { LEVELDB_LEVELS } from './version-edit.js';
import { decodeLogBatches } from './write-batch.js';

export interface LevelDbReaderOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  /** null: every block is read from the file each time. Default null. */
  readonly cache?: BlockCache | null;
}

/**
 * A directory of LevelDB's, read only: to import it, or to look at it. What its logs hold and no table has
 * yet is read, too, into memory. Nothing is written, and no lock is taken: nobody may have it open.
 *
 * Tables may be uncompressed or Snappy, the order of keys must be bytewise. Filters are not used.
 */
export class LevelDbReader {
  readonly contents: LevelDbContents;
  /** A log ended in a record that was cut off, as by a crash: it is left out, as LevelDB does. */
  readonly isLogTorn: boolean;
  readonly #levels: readonly (readonly LevelTable[])[];
  readonly #logged: Memtable;
  #isClosed = false;

  private constructor(
    contents: LevelDbContents,
    levels: readonly (readonly LevelTable[])[],
    logged: Memtable,
    isLogTorn: boolean,
  ) {
    this.contents = contents;
    this.#levels = levels;
    this.#logged = logged;
    this.isLogTorn = isLogTorn;
  }

  /** @throws SstError SST_CORRUPT (with file and offset), SST_NEWER_FORMAT, SST_IO */
  static open({ fs, dir, cache = null }: LevelDbReaderOptions): LevelDbReader {
    const contents = readLevelDb(fs, dir);
    const opened: TableReader[] = [];
    try {
      const levels = Array.from({ length: LEVELDB_LEVELS }, (_, level) =>
        sortedLevel(contents.tables, level).map((file) => {
          const expected = { sizeBytes: file.sizeBytes, tableId: null };
          const reader = TableReader.open(fs, join(dir, file.name), expected, cache);
          opened.push(reader);
          return { meta: metaOf(file), reader };
        }),
      );
      const logged = new Memtable();
      let isLogTorn = false;
      for (const { name } of contents.logs) {
        if (replay(fs, join(dir, name), logged) === 'torn') isLogTorn = true;
      }
      return new LevelDbReader(contents, levels, logged, isLogTorn);
    } catch (error) {
      for (const reader of opened) reader.close();
      throw toSstError(error, `opening ${dir}`, dir);
    }
  }

  /** Highest sequence, in tables or logs. */
  get lastSequence(): number {
    const logged = this.#logged.entries === 0 ? 0 : this.#logged.largestSequence;
    return Math.max(this.contents.lastSequence, logged);
  }

  /** @internal The tables, level by level. */
  get tables(): readonly LevelTable[] {
    return this.#levels.flat();
  }

  /** The keys and values that LevelDB would show. @throws SstError SST_CLOSED */
  iterator(options: IteratorOptions = {}): DbIterator {
    if (this.#isClosed) throw new SstError(SstErrorCode.Closed, 'the reader is closed');
    const cursors: Cursor[] = [this.#logged.cursor()];
    for (const [level, tables] of this.#levels.entries()) {
      for (const run of level === 0 ? tables.map((table) => [table]) : runsOf(tables)) {
        cursors.push(new LevelCursor(run));
      }
    }
    const isClosed = (): boolean => this.#isClosed;
    const lifetime = {
      get isClosed(): boolean {
        return isClosed();
      },
      release: () => undefined,
    };
    return new ViewIterator(
      new MergingCursor(cursors),
      {
        start: options.start?.slice() ?? null,
        end: options.end?.slice() ?? null,
        isReverse: options.reverse ?? false,
        keysOnly: options.keysOnly ?? false,
        sequence: options.sequence ?? MAX_SEQUENCE,
      },
      lifetime,
    );
  }

  /** Closes the files. Open iterators throw SST_CLOSED from then on. A second close does nothing. */
  close(): void {
    this.#isClosed = true;
    for (const { reader } of this.tables) reader.close();
  }
}

/**
 * Tables of a level as runs in which each user key stands in one table: LevelDB may have cut between two
 * versions of a key. Then each table is a run of its own.
 */
function runsOf(tables: readonly LevelTable[]): (readonly LevelTable[])[] {
  const isCut = tables.some((table, i) => {
    const before = tables[i - 1];
    return before !== undefined && compareKeys(before.meta.largest, table.meta.smallest) === 0;
  });
  if (isCut) return tables.map((table) => [table]);
  return tables.length === 0 ? [] : [tables];
}

function metaOf(file: LevelDbContents['tables'][number]): TableMeta {
  return {
    number: file.number,
    sizeBytes: file.sizeBytes,
    smallest: userKeyOf(file.smallest),
    largest: userKeyOf(file.largest),
    smallestSequence: 0,
    largestSequence: MAX_SEQUENCE,
    tableId: new Uint8Array(16),
    fileCrc: 0,
    entries: 0,
    deletions: 0,
  };
}

/** Puts what a write-ahead log holds into a memtable. */
function replay(fs: FileSystem, path: string, memtable: Memtable): 'clean' | 'torn' {
  const { batches, tail } = decodeLogBatches(readFile(fs, path), path);
  for (const { entries } of batches) {
    for (const { sequence, kind, key, value } of entries) memtable.add(sequence, kind, key, value);
  }
  return tail;
}
