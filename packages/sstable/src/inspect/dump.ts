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
  readonly value: Uint8Array;
}

export interface DumpedTable {
  readonly tableId: Uint8Array;
  readonly sizeBytes: number;
  readonly properties: TableProperties;
}

/**
 * Hands every version of a table file to `onEntry`, in order, and answers what the table says of itself.
 * Needs no manifest. Only the blocks that it reads are checked: see verifyDb for all.
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO
 */
export function dumpTable(
  fs: FileSystem,
  path: string,
  onEntry: (entry: DumpedEntry) => void,
): DumpedTable {
  const reader = TableReader.open(fs, path, null, null);
  const cursor = reader.cursor();
  try {
    for (cursor.first(); cursor.valid; cursor.next()) {
      onEntry({
        key: cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd),
        sequence: cursor.sequence,
        kind: cursor.kind === Kind.Delete ? 'delete' : 'set',
        value: cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd),
      });
    }
    const { tableId, sizeBytes } = reader;
    return { tableId: tableId.slice(), sizeBytes, properties: reader.properties() };
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
