import type { SimFs } from '@dougdb/ports/sim';
import { ByteWriter } from '../../src/encoding/byte-writer.js';
import { Kind, TRAILER_BYTES, writeTrailer } from '../../src/encoding/internal-key.js';
import { CURRENT, levelDbManifestName, levelDbTableName } from '../../src/leveldb/file-names.js';
import { encodeLog } from '../../src/leveldb/log-format.js';
import { type LevelDbTableOptions, LevelDbTableWriter } from '../../src/leveldb/table-writer.js';
import {
  encodeLevelDbEdit,
  LEVELDB_COMPARATOR,
  type LevelDbEdit,
  type LevelDbFile,
} from '../../src/leveldb/version-edit.js';
import { ArrayCursor, bytes, type Entry } from './entries.js';

export const LEVELDB_DIR = '/leveldb';

/** Writes a table as LevelDB would; the entries must be sorted. */
export function writeLevelDbTable(
  fs: SimFs,
  path: string,
  entries: readonly Entry[],
  options: LevelDbTableOptions = { blockBytes: 100, filter: 'bloom' },
): ReturnType<LevelDbTableWriter['finish']> {
  const file = fs.open(path, 'create');
  try {
    const writer = new LevelDbTableWriter(file, options);
    const cursor = new ArrayCursor(entries);
    for (cursor.first(); cursor.valid; cursor.next()) writer.add(cursor);
    return writer.finish();
  } finally {
    file.close();
  }
}

export function internalKeyOf({ key, sequence, kind }: Entry): Uint8Array {
  const internal = new Uint8Array(key.length + TRAILER_BYTES);
  internal.set(key);
  writeTrailer(internal, key.length, sequence, kind);
  return internal;
}

/** The record of a write batch. */
export function encodeBatch(first: number, entries: readonly Entry[]): Uint8Array {
  const writer = new ByteWriter().u64(first).u32(entries.length);
  for (const { key, kind, value } of entries) {
    writer.u8(kind).prefixed(key);
    if (kind === Kind.Set) writer.prefixed(value);
  }
  return writer.finish();
}

export interface Directory {
  /** Tables by level: each a list of entries. */
  readonly tables: readonly (readonly [level: number, entries: readonly Entry[]])[];
  /** Batches of each log, oldest first. */
  readonly logs?: readonly (readonly Entry[])[];
  readonly lastSequence: number;
  readonly edit?: Partial<LevelDbEdit>;
}

/** Makes a directory as LevelDB would leave it. Tables are numbered from 10, logs from 100. */
export function plantLevelDb(fs: SimFs, directory: Directory, dir = LEVELDB_DIR): void {
  fs.mkdir(dir);
  const newFiles: LevelDbFile[] = directory.tables.map(([level, entries], i) => {
    const number = 10 + i;
    const meta = writeLevelDbTable(fs, `${dir}/${levelDbTableName(number)}`, entries);
    return { level, number, ...meta };
  });
  for (const [i, entries] of (directory.logs ?? []).entries()) {
    const records = entries.map((entry) => encodeBatch(entry.sequence, [entry]));
    fs.plant(`${dir}/000${100 + i}.log`, encodeLog(records));
  }
  const edit: LevelDbEdit = {
    comparator: LEVELDB_COMPARATOR,
    logNumber: 100,
    previousLogNumber: 0,
    nextFileNumber: 200,
    lastSequence: directory.lastSequence,
    deletedFiles: [],
    newFiles: newFiles.map(({ level, number, sizeBytes, smallest, largest }) => ({
      level,
      number,
      sizeBytes,
      smallest,
      largest,
    })),
    ...directory.edit,
  };
  fs.plant(`${dir}/${levelDbManifestName(2)}`, encodeLog([encodeLevelDbEdit(edit)]));
  fs.plant(`${dir}/${CURRENT}`, bytes(`${levelDbManifestName(2)}\n`));
}
