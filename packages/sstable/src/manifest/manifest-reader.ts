import type { FileSystem } from '@dougdb/ports';
import { RecordLog } from '@dougdb/wal';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, messageOf } from '../encoding/error-code.js';
import { fromWalError } from '../encoding/from-wal-error.js';
import { compareKeys } from '../encoding/key-order.js';
import { COMPARATOR } from '../table/properties.js';
import { join, manifestName } from './file-names.js';
import { applyEdit, EMPTY_STATE, type ManifestState } from './manifest-state.js';
import { decodeEdit, type ManifestHead, type VersionEdit } from './version-edit.js';

/** What a record log says it is: a manifest. The database's own identity stands in the first edit. */
export const RECORD_IDENTITY: Uint8Array = Uint8Array.from('sstable-manifest', (c) =>
  c.charCodeAt(0),
);

export interface ManifestContents {
  readonly number: number;
  readonly head: ManifestHead;
  readonly state: ManifestState;
  /** Every table that any of its edits has named. */
  readonly mentioned: ReadonlySet<number>;
  /** Next file number in its first edit: files from here on are younger than the manifest. */
  readonly firstFileNumber: number;
  readonly edits: readonly VersionEdit[];
  /** 'torn': the last edit was cut off before it was durable, and is not in the state. */
  readonly tail: 'clean' | 'torn';
  readonly sizeBytes: number;
}

/**
 * Reads a manifest from its first edit to its last.
 * @param identity of the database; null takes any
 * @param purpose 'look': nothing is written or synced. 'recover': what it says is made durable before it is
 * believed
 * @throws SstError SST_CORRUPT, SST_FOREIGN, SST_NEWER_FORMAT, SST_IO
 */
export function readManifest(
  fs: FileSystem,
  dir: string,
  number: number,
  identity: Uint8Array | null,
  purpose: 'look' | 'recover' = 'look',
): ManifestContents {
  const path = join(dir, manifestName(number));
  const records: Uint8Array[] = [];
  const { tail, sizeBytes } = readRecords(fs, path, purpose, (record) => {
    // Empty records only tell that what stands before them was durable.
    if (record.length > 0) records.push(record);
  });
  const mentioned = new Set<number>();
  const edits: VersionEdit[] = [];
  let state = EMPTY_STATE;
  let head: ManifestHead | null = null;
  for (const record of records) {
    try {
      const edit = decodeEdit(record);
      if (head === null) head = checkHead(edit.head, number, identity);
      for (const { table } of edit.newFiles ?? []) mentioned.add(table.number);
      state = applyEdit(state, edit);
      edits.push(edit);
    } catch (error) {
      throw inFile(error, path, edits.length);
    }
  }
  if (head === null) throw damaged(path, 'holds no edit', 0);
  const firstFileNumber = edits[0]?.nextFileNumber ?? state.nextFileNumber;
  return { number, head, state, mentioned, firstFileNumber, edits, tail, sizeBytes };
}

function readRecords(
  fs: FileSystem,
  path: string,
  purpose: 'look' | 'recover',
  onRecord: (record: Uint8Array) => void,
): { tail: 'clean' | 'torn'; sizeBytes: number } {
  try {
    if (purpose === 'look') return RecordLog.read(fs, path, RECORD_IDENTITY, onRecord);
    const { log, tail } = RecordLog.open(fs, path, RECORD_IDENTITY, onRecord);
    const { sizeBytes } = log;
    log.close();
    return { tail, sizeBytes };
  } catch (error) {
    throw fromWalError(error, path);
  }
}

function checkHead(
  head: ManifestHead | undefined,
  number: number,
  identity: Uint8Array | null,
): ManifestHead {
  if (head === undefined) throw new SstError(SstErrorCode.Corrupt, 'the first edit has no head');
  if (identity !== null && compareKeys(head.identity, identity) !== 0) {
    throw new SstError(SstErrorCode.Foreign, 'it belongs to another database');
  }
  if (head.manifestNumber !== number) {
    throw new SstError(SstErrorCode.Corrupt, `it was written as number ${head.manifestNumber}`);
  }
  if (head.comparator !== COMPARATOR) {
    throw new SstError(SstErrorCode.Newer, `its keys are in the order '${head.comparator}'`);
  }
  return head;
}

function inFile(error: unknown, path: string, edit: number): SstError {
  const code = codeOf(error);
  const isOurs = code?.startsWith('SST_') ?? false;
  return new SstError(
    isOurs ? (code as SstErrorCode) : SstErrorCode.Corrupt,
    `${path}, edit ${edit}: ${messageOf(error)}`,
    { file: path, offset: 0, cause: error },
  );
}

function damaged(path: string, what: string, offset: number, cause?: unknown): SstError {
  return new SstError(SstErrorCode.Corrupt, `${path} ${what}`, { file: path, offset, cause });
}
