import type { FileSystem } from '@dougdb/ports';
import { Kind } from '../encoding/internal-key.js';
import { readManifest } from '../manifest/manifest-reader.js';
import type { NewFile, VersionEdit } from '../manifest/version-edit.js';
import type { TableProperties } from '../table/properties.js';
import { TableReader } from '../table/table-reader.js';

/** One version in a table. Key and value are copies. */
export interface DumpedEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: 'set' | 'delete';
  /** True for a version with the host's mark. */
  readonly marked: boolean;
  readonly value: Uint8Array;
}

export interface DumpedTable {
  /** 'leveldb': of LevelDB's format, which has neither id nor properties. */
  readonly format: 'native' | 'leveldb';
  readonly tableId: Uint8Array | null;
  readonly sizeBytes: number;
  readonly properties: TableProperties | null;
}

/**
 * Hands every version of a table file, of our format or LevelDB's, to `onEntry`, in order, and answers what
 * the table says of itself. Needs no manifest. Only the blocks that it reads are checked: see verifyDb for
 * all.
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO
 */
export function dumpTable(
  fs: FileSystem,
  path: string,
  onEntry: (entry: DumpedEntry) => void,
): DumpedTable {
  const entries = tableEntries(fs, path);
  let next = entries.next();
  for (; next.done !== true; next = entries.next()) onEntry(next.value);
  return next.value;
}

/** As dumpTable, one by one; the file is closed at the end, or when the generator is left. */
export function* tableEntries(
  fs: FileSystem,
  path: string,
): Generator<DumpedEntry, DumpedTable, void> {
  const reader = TableReader.open(fs, path, null, null);
  const cursor = reader.cursor();
  try {
    for (cursor.first(); cursor.valid; cursor.next()) {
      yield {
        key: cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd),
        sequence: cursor.sequence,
        kind: cursor.kind === Kind.Delete ? 'delete' : 'set',
        marked: cursor.kind === Kind.SetMarked,
        value: cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd),
      };
    }
    const { format, tableId, sizeBytes } = reader;
    return {
      format,
      tableId: tableId?.slice() ?? null,
      sizeBytes,
      properties: reader.properties(),
    };
  } finally {
    cursor.close();
    reader.close();
  }
}

export interface DumpedManifest {
  readonly number: number;
  readonly identity: Uint8Array;
  /** Every edit, the whole state first. */
  readonly edits: readonly VersionEdit[];
  /** What they add up to. */
  readonly files: readonly NewFile[];
  readonly lastSequence: number;
  readonly nextFileNumber: number;
  readonly hostState: Uint8Array | null;
  /** 'torn': a last edit was cut off before it was durable, and is not among them. */
  readonly tail: 'clean' | 'torn';
}

/**
 * Reads the manifest with this number of any database.
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO
 */
export function dumpManifest(fs: FileSystem, dir: string, number: number): DumpedManifest {
  const { head, state, edits, tail } = readManifest(fs, dir, number, null);
  return {
    number,
    identity: head.identity,
    edits,
    files: [...state.files.values()],
    lastSequence: state.lastSequence,
    nextFileNumber: state.nextFileNumber,
    hostState: state.hostState,
    tail,
  };
}
