/**
 * A record of LevelDB's manifest: numbers are uvarints, bytes stand behind their length.
 *
 * ```
 * edit  (tag uvarint | fields) ...
 *   1   name of the comparator
 *   2   number of the oldest log that still counts
 *   3   next file number
 *   4   last sequence
 *   5   level, internal key: where compaction goes on; passed over here
 *   6   level, number: a table is gone
 *   7   level, number, size, smallest and largest internal key: a table is new
 *   9   number of the log before; 0 in all but very old databases
 * ```
 */
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { TRAILER_BYTES } from '../encoding/internal-key.js';

const Tag = {
  Comparator: 1,
  LogNumber: 2,
  NextFileNumber: 3,
  LastSequence: 4,
  CompactPointer: 5,
  DeletedFile: 6,
  NewFile: 7,
  PreviousLogNumber: 9,
} as const;

export const LEVELDB_LEVELS = 7;

/** The order of keys that we share with LevelDB: bytewise. */
export const LEVELDB_COMPARATOR = 'leveldb.BytewiseComparator';

export interface LevelDbFile {
  readonly level: number;
  readonly number: number;
  readonly sizeBytes: number;
  /** First and last internal key. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

export interface LevelDbEdit {
  readonly comparator?: string;
  readonly logNumber?: number;
  readonly previousLogNumber?: number;
  readonly nextFileNumber?: number;
  readonly lastSequence?: number;
  readonly deletedFiles: readonly { readonly level: number; readonly number: number }[];
  readonly newFiles: readonly LevelDbFile[];
}

export function encodeLevelDbEdit(edit: LevelDbEdit): Uint8Array {
  const writer = new ByteWriter();
  const number = (tag: number, value: number | undefined): void => {
    if (value !== undefined) writer.uvarint(tag).uvarint(value);
  };
  if (edit.comparator !== undefined) {
    const name = Uint8Array.from(edit.comparator, (c) => c.charCodeAt(0));
    writer.uvarint(Tag.Comparator).prefixed(name);
  }
  number(Tag.LogNumber, edit.logNumber);
  number(Tag.PreviousLogNumber, edit.previousLogNumber);
  number(Tag.NextFileNumber, edit.nextFileNumber);
  number(Tag.LastSequence, edit.lastSequence);
  for (const file of edit.deletedFiles) {
    writer.uvarint(Tag.DeletedFile).uvarint(file.level).uvarint(file.number);
  }
  for (const file of edit.newFiles) {
    writer.uvarint(Tag.NewFile).uvarint(file.level).uvarint(file.number).uvarint(file.sizeBytes);
    writer.prefixed(file.smallest).prefixed(file.largest);
  }
  return writer.finish();
}

/** @throws DecodeError; SstError SST_NEWER_FORMAT for a field of another program's, as RocksDB's */
export function decodeLevelDbEdit(record: Uint8Array): LevelDbEdit {
  const reader = new ByteReader(record);
  const edit: { -readonly [K in keyof LevelDbEdit]?: LevelDbEdit[K] } = {};
  const deletedFiles: { level: number; number: number }[] = [];
  const newFiles: LevelDbFile[] = [];
  while (!reader.done) {
    const tag = reader.uvarint();
    switch (tag) {
      case Tag.Comparator:
        edit.comparator = String.fromCharCode(...reader.prefixed().subarray(0, 1024));
        break;
      case Tag.LogNumber:
        edit.logNumber = reader.uvarint();
        break;
      case Tag.PreviousLogNumber:
        edit.previousLogNumber = reader.uvarint();
        break;
      case Tag.NextFileNumber:
        edit.nextFileNumber = reader.uvarint();
        break;
      case Tag.LastSequence:
        edit.lastSequence = reader.uvarint();
        break;
      case Tag.CompactPointer:
        decodeLevel(reader);
        decodeInternalKey(reader);
        break;
      case Tag.DeletedFile:
        deletedFiles.push({ level: decodeLevel(reader), number: reader.uvarint() });
        break;
      case Tag.NewFile:
        newFiles.push({
          level: decodeLevel(reader),
          number: reader.uvarint(),
          sizeBytes: reader.uvarint(),
          smallest: decodeInternalKey(reader),
          largest: decodeInternalKey(reader),
        });
        break;
      default:
        throw new SstError(
          SstErrorCode.Newer,
          `the manifest has a field ${tag} that LevelDB does not write`,
        );
    }
  }
  return { ...edit, deletedFiles, newFiles };
}

function decodeLevel(reader: ByteReader): number {
  const level = reader.uvarint();
  if (level >= LEVELDB_LEVELS) throw new DecodeError(`there is no level ${level}`);
  return level;
}

function decodeInternalKey(reader: ByteReader): Uint8Array {
  const key = reader.prefixed().slice();
  if (key.length < TRAILER_BYTES) throw new DecodeError('a key is shorter than its trailer');
  return key;
}
