import { crc32 } from '@dougdb/ports';
import { SimFs } from '@dougdb/ports/sim';
import type { BlockCache } from '../../src/block-cache.js';
import { join, tableName } from '../../src/manifest/file-names.js';
import type { TableFormatOptions, TableMeta } from '../../src/table/table-meta.js';
import { TableReader } from '../../src/table/table-reader.js';
import { TableWriter } from '../../src/table/table-writer.js';
import { ArrayCursor, type Entry } from './entries.js';

export const DIR = '/db';

export function newFs(): SimFs {
  const fs = new SimFs();
  fs.mkdir(DIR);
  fs.syncDirSync('/');
  return fs;
}

/** Every way in which a table can be written, with blocks so small that a few entries make many. */
export const variants: Readonly<Record<string, TableFormatOptions>> = {
  plain: { blockBytes: 100 },
  'two-level': { blockBytes: 60, indexBytes: 120 },
  compressed: { blockBytes: 200, compression: 'deflate-raw' },
  'two-level compressed': { blockBytes: 200, indexBytes: 90, compression: 'deflate-raw' },
};

/** Writes a table as a flush would; the entries must be sorted. */
export function writeTable(
  fs: SimFs,
  number: number,
  entries: readonly Entry[],
  format: number | TableFormatOptions = 100,
): TableMeta {
  const tableId = Uint8Array.from({ length: 16 }, (_, i) => (number + i) & 0xff);
  const file = fs.open(join(DIR, tableName(number)), 'create');
  try {
    const slot = { number, tableId, seed: crc32(tableId) };
    const options = typeof format === 'number' ? { blockBytes: format } : format;
    const writer = new TableWriter(file, slot, options);
    const cursor = new ArrayCursor(entries);
    for (cursor.first(); cursor.valid; cursor.next()) writer.add(cursor);
    return writer.finish();
  } finally {
    file.close();
  }
}

export function openTable(
  fs: SimFs,
  meta: TableMeta,
  cache: BlockCache | null = null,
): TableReader {
  return TableReader.open(fs, join(DIR, tableName(meta.number)), meta, cache);
}
