import type { NewFile } from '../../src/manifest/version-edit.js';
import type { TableMeta } from '../../src/table/table-meta.js';
import type { TableReader } from '../../src/table/table-reader.js';
import { TableHandle } from '../../src/version/table-handle.js';
import { emptyLevels, sortLevel, Version } from '../../src/version/version.js';
import { bytes } from './entries.js';

/** A table's entry in a manifest: keys 'a' to 'c', sequences 1 to 9 and so on. */
export function metaOf(
  number: number,
  keys: string,
  sequences: readonly [number, number] = [number * 10, number * 10 + 9],
  sizeBytes = 1000,
): TableMeta {
  const [smallest = '', largest = smallest] = keys.split('-');
  return {
    number,
    sizeBytes,
    smallest: bytes(smallest),
    largest: bytes(largest),
    smallestSequence: sequences[0],
    largestSequence: sequences[1],
    tableId: new Uint8Array(16).fill(number),
    fileCrc: number,
    entries: 3,
    deletions: 1,
  };
}

export function fileOf(level: number, ...meta: Parameters<typeof metaOf>): NewFile {
  return { level, table: metaOf(...meta) };
}

/** A version of tables that are never read. */
export function versionOf(
  files: readonly NewFile[],
  onUnused: (handle: TableHandle) => void = () => undefined,
): Version {
  const levels = emptyLevels();
  for (const { level, table } of files) {
    levels[level]?.push(new TableHandle(table, null as unknown as TableReader, onUnused));
  }
  return new Version(levels.map((tables, level) => sortLevel(level, tables)));
}
