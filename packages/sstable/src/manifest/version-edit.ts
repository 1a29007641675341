/**
 * A version edit: one record of a manifest, one atomic change of a database.
 *
 * ```
 * edit   field ...
 * field  tag u8 | length uvarint | payload
 * ```
 * The tags and their payloads are on disk and must not change. A tag of 128 or more that is not known
 * may be passed over; any other unknown tag was written by a newer program, and the edit is refused.
 */
import { type KeyBounds, SstError, SstErrorCode } from '../contract.js';
import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { TABLE_ID_BYTES } from '../table/format.js';
import type { TableMeta } from '../table/table-meta.js';

/** Levels of a database: 0 (flushed tables, overlapping) to 6. */
export const LEVELS = 7;

/** Version of the manifest's contents, in the first edit of each manifest. */
export const MANIFEST_FORMAT_VERSION = 1;

const Tag = {
  /** uvarint. First field of the first edit. */
  FormatVersion: 1,
  /** ASCII name of the key order. */
  Comparator: 2,
  /** The host's name for this database. */
  Identity: 3,
  /** uvarint: the number in this manifest's own file name. */
  ManifestNumber: 4,
  /** uvarint */
  NextFileNumber: 5,
  /** uvarint: highest sequence in any table so far. */
  LastSequence: 6,
  /** The host's state record. */
  HostState: 7,
  /** level u8 | number uvarint */
  DeletedFile: 8,
  /** See encodeNewFile. */
  NewFile: 9,
  /** See encodeBounds. Keys outside are not part of the database any more. */
  Bounds: 10,
} as const;

const FIRST_IGNORABLE_TAG = 128;

export interface NewFile {
  readonly level: number;
  readonly table: TableMeta;
}

export interface DeletedFile {
  readonly level: number;
  readonly number: number;
}

/** What stands in the first edit of a manifest alone. */
export interface ManifestHead {
  readonly formatVersion: number;
  readonly comparator: string;
  readonly identity: Uint8Array;
  readonly manifestNumber: number;
}

export interface VersionEdit {
  readonly head?: ManifestHead;
  readonly nextFileNumber?: number;
  readonly lastSequence?: number;
  readonly hostState?: Uint8Array;
  readonly deletedFiles?: readonly DeletedFile[];
  readonly newFiles?: readonly NewFile[];
  readonly bounds?: KeyBounds;
}

export function encodeEdit(edit: VersionEdit): Uint8Array {
  const writer = new ByteWriter();
  const field = (tag: number, payload: Uint8Array): void => {
    writer.u8(tag).prefixed(payload);
  };
  const number = (value: number): Uint8Array => new ByteWriter().uvarint(value).finish();
  if (edit.head !== undefined) {
    field(Tag.FormatVersion, number(edit.head.formatVersion));
    field(
      Tag.Comparator,
      Uint8Array.from(edit.head.comparator, (c) => c.charCodeAt(0)),
    );
    field(Tag.Identity, edit.head.identity);
    field(Tag.ManifestNumber, number(edit.head.manifestNumber));
  }
  if (edit.nextFileNumber !== undefined) field(Tag.NextFileNumber, number(edit.nextFileNumber));
  if (edit.lastSequence !== undefined) field(Tag.LastSequence, number(edit.lastSequence));
  if (edit.hostState !== undefined) field(Tag.HostState, edit.hostState);
  for (const file of edit.deletedFiles ?? []) {
    field(Tag.DeletedFile, new ByteWriter().u8(file.level).uvarint(file.number).finish());
  }
  for (const file of edit.newFiles ?? []) field(Tag.NewFile, encodeNewFile(file));
  if (edit.bounds !== undefined) field(Tag.Bounds, encodeBounds(edit.bounds));
  return writer.finish();
}

const HAS_START = 1;
const HAS_END = 2;

/** Flags u8 (1: a start, 2: an end) | start (length, bytes) | end; what has no flag is left out. */
function encodeBounds({ start, end }: KeyBounds): Uint8Array {
  const writer = new ByteWriter().u8((start ? HAS_START : 0) | (end ? HAS_END : 0));
  if (start !== null) writer.prefixed(start);
  if (end !== null) writer.prefixed(end);
  return writer.finish();
}

/**
 * level u8 | number | size | smallest (length, bytes) | largest | smallest sequence | largest sequence
 * | table id, 16 bytes | file crc u32 | entries | deletions; numbers without a width are uvarints.
 */
function encodeNewFile({ level, table }: NewFile): Uint8Array {
  return new ByteWriter()
    .u8(level)
    .uvarint(table.number)
    .uvarint(table.sizeBytes)
    .prefixed(table.smallest)
    .prefixed(table.largest)
    .uvarint(table.smallestSequence)
    .uvarint(table.largestSequence)
    .raw(table.tableId)
    .u32(table.fileCrc)
    .uvarint(table.entries)
    .uvarint(table.deletions)
    .finish();
}

/** @throws DecodeError; SstError SST_NEWER_FORMAT for a field that this program does not know */
export function decodeEdit(record: Uint8Array): VersionEdit {
  const reader = new ByteReader(record);
  const head: { -readonly [K in keyof ManifestHead]?: ManifestHead[K] } = {};
  const edit: { -readonly [K in keyof VersionEdit]: VersionEdit[K] } = {};
  const deletedFiles: DeletedFile[] = [];
  const newFiles: NewFile[] = [];
  while (!reader.done) {
    const tag = reader.u8();
    const payload = reader.prefixed();
    const field = new ByteReader(payload);
    switch (tag) {
      case Tag.FormatVersion:
        head.formatVersion = checkVersion(field.uvarint());
        break;
      case Tag.Comparator:
        head.comparator = String.fromCharCode(...payload);
        break;
      case Tag.Identity:
        head.identity = payload.slice();
        break;
      case Tag.ManifestNumber:
        head.manifestNumber = field.uvarint();
        break;
      case Tag.NextFileNumber:
        edit.nextFileNumber = field.uvarint();
        break;
      case Tag.LastSequence:
        edit.lastSequence = field.uvarint();
        break;
      case Tag.HostState:
        edit.hostState = payload.slice();
        break;
      case Tag.DeletedFile:
        deletedFiles.push({ level: decodeLevel(field), number: field.uvarint() });
        break;
      case Tag.NewFile:
        newFiles.push(decodeNewFile(field));
        break;
      case Tag.Bounds:
        edit.bounds = decodeBounds(field);
        break;
      default:
        refuseUnknown(tag);
    }
  }
  if (Object.keys(head).length > 0) edit.head = wholeHead(head);
  return { ...edit, deletedFiles, newFiles };
}

function decodeNewFile(field: ByteReader): NewFile {
  const level = decodeLevel(field);
  const table: TableMeta = {
    number: field.uvarint(),
    sizeBytes: field.uvarint(),
    smallest: field.prefixed().slice(),
    largest: field.prefixed().slice(),
    smallestSequence: field.uvarint(),
    largestSequence: field.uvarint(),
    tableId: field.raw(TABLE_ID_BYTES).slice(),
    fileCrc: field.u32(),
    entries: field.uvarint(),
    deletions: field.uvarint(),
  };
  if (!field.done) throw new DecodeError('a table entry is longer than it should be');
  return { level, table };
}

function decodeBounds(field: ByteReader): KeyBounds {
  const flags = field.u8();
  if (flags > (HAS_START | HAS_END)) throw new DecodeError('bounds have unknown flags');
  const start = flags & HAS_START ? field.prefixed().slice() : null;
  const end = flags & HAS_END ? field.prefixed().slice() : null;
  if (!field.done) throw new DecodeError('bounds are longer than they should be');
  return { start, end };
}

function decodeLevel(field: ByteReader): number {
  const level = field.u8();
  if (level >= LEVELS) throw new DecodeError(`there is no level ${level}`);
  return level;
}

function checkVersion(version: number): number {
  if (version === MANIFEST_FORMAT_VERSION) return version;
  throw new SstError(
    SstErrorCode.Newer,
    `the manifest has format version ${version}, this program knows ${MANIFEST_FORMAT_VERSION}`,
  );
}

function refuseUnknown(tag: number): void {
  if (tag >= FIRST_IGNORABLE_TAG) return;
  throw new SstError(SstErrorCode.Newer, `the manifest has a field ${tag} that is not known here`);
}

function wholeHead(head: Partial<ManifestHead>): ManifestHead {
  const { formatVersion, comparator, identity, manifestNumber } = head;
  if (
    formatVersion === undefined ||
    comparator === undefined ||
    identity === undefined ||
    manifestNumber === undefined
  ) {
    throw new DecodeError('the first edit is not whole');
  }
  return { formatVersion, comparator, identity, manifestNumber };
}
