import { crc32, type File, type FileSystem } from '@dougdb/ports';
import { WalError, WalErrorCode } from './contract.js';
import { isNoSpace, toFailure } from './failure.js';
import {
  claimedIdentityLength,
  decodeRecordHeader,
  encodeFrameHead,
  encodeRecordHeader,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  HeadSeed,
  MAX_IDENTITY_BYTES,
  MAX_PAYLOAD_BYTES,
  SEGMENT_HEADER_BYTES,
} from './format.js';
import { ByteWindow } from './read/byte-window.js';
import { readRecords } from './recover/read-records.js';
import { rewriteRange } from './recover/rewrite-range.js';
import { usage } from './usage.js';

/** Largest buffer for frames that a log keeps. */
const KEPT_BYTES = 128 * 1024;

interface Position {
  readonly end: number;
  readonly lastSeq: number;
}

/**
 * A plain sequence of checksummed records in one file: the manifest's log. Same frames as the WAL. Nothing
 * is filled in advance: an append may find the disk full. After a failed write or sync the log has ended:
 * make a new one.
 */
export class RecordLog {
  readonly #file: File;
  readonly #seeds: HeadSeed;
  #end: number;
  #lastSeq: number;
  #syncedEnd = 0;
  #syncedSeq = 0;
  #refusal: WalError | null = null;
  #syncing: Promise<void> | null = null;
  /** Frames are put together here. */
  #frames = new Uint8Array(0);

  private constructor(file: File, seeds: HeadSeed, position: Position) {
    this.#file = file;
    this.#seeds = seeds;
    this.#end = position.end;
    this.#lastSeq = position.lastSeq;
  }

  /**
   * Makes a new file (EEXIST if it is there). Durable after sync() and a syncDir by the caller. The identity
   * (up to 4 KiB) says whose records these are; open() asks for the same.
   * @throws WalError WAL_USAGE, and what the file system throws
   */
  static create(fs: FileSystem, path: string, identity: Uint8Array): RecordLog {
    if (identity.length > MAX_IDENTITY_BYTES) {
      throw usage(`an identity of ${identity.length} bytes is longer than ${MAX_IDENTITY_BYTES}`);
    }
    const file = fs.open(path, 'create');
    const header = encodeRecordHeader(identity);
    try {
      file.writeSync(header, 0, header.length, 0);
    } catch (error) {
      file.close();
      throw error;
    }
    return new RecordLog(file, new HeadSeed(identity, 0), { end: header.length, lastSeq: 0 });
  }

  /**
   * Reads every record in order (the callback owns the bytes) and opens the log for further appends. A torn
   * last record is reported and not delivered; the log may then be read but not appended to (make a new one).
   * @throws WalError WAL_CORRUPT with file and offset for any other damage, or a wrong identity;
   * WAL_NEWER_FORMAT; and what the file system throws
   */
  static open(
    fs: FileSystem,
    path: string,
    identity: Uint8Array,
    onRecord: (record: Uint8Array) => void,
  ): { log: RecordLog; tail: 'clean' | 'torn' } {
    const file = fs.open(path, 'write');
    try {
      // Nothing is decided on data that is in the page cache only.
      file.datasyncSync();
      const window = new ByteWindow(file);
      const start = checkHeader(window, identity);
      const seeds = new HeadSeed(identity, 0);
      const read = readRecords(window, seeds, start, onRecord);
      const log = new RecordLog(file, seeds, read);
      if (read.torn) {
        log.#refusal = usage(`${path} ends in a torn record: it cannot be appended to`);
      } else {
        rewriteRange(file, read.promisedEnd, read.end);
        file.datasyncSync();
        log.#syncedEnd = read.end;
        log.#syncedSeq = read.lastSeq;
      }
      return { log, tail: read.torn ? 'torn' : 'clean' };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Reads every record as open() does, and changes nothing: no write, no sync. What it delivers may be in the
   * system's memory alone.
   * @throws WalError WAL_CORRUPT, WAL_NEWER_FORMAT, and what the file system throws
   */
  static read(
    fs: FileSystem,
    path: string,
    identity: Uint8Array,
    onRecord: (record: Uint8Array) => void,
  ): { tail: 'clean' | 'torn'; sizeBytes: number } {
    const file = fs.open(path, 'read');
    try {
      const window = new ByteWindow(file);
      const start = checkHeader(window, identity);
      const { end, torn } = readRecords(window, new HeadSeed(identity, 0), start, onRecord);
      return { tail: torn ? 'torn' : 'clean', sizeBytes: end };
    } finally {
      file.close();
    }
  }

  /** Header and records, without a torn tail. */
  get sizeBytes(): number {
    return this.#end;
  }

  /**
   * Writes a record (up to 64 MiB); durable after sync().
   * @throws WalError WAL_NO_SPACE or WAL_FAILED, after either of which the log has ended; WAL_CLOSED;
   * WAL_USAGE for a log with a torn tail or a record that is too large
   */
  append(record: Uint8Array): void {
    this.appendAll([record]);
  }

  /** As append of each of them, in one write. A crash may leave the first ones alone. @throws as append */
  appendAll(records: readonly Uint8Array[]): void {
    if (this.#refusal !== null) throw this.#refusal;
    if (records.length === 0) return;
    const length = framesBytes(records);
    const bytes = length <= this.#frames.length ? this.#frames : this.#makeFrames(length);
    let at = 0;
    let seq = this.#lastSeq;
    for (const record of records) {
      this.#encodeFrame(bytes, at, ++seq, record);
      at += frameBytes(0, record.length);
    }
    try {
      this.#file.writeSync(bytes, 0, length, this.#end);
    } catch (error) {
      throw this.#fail(error);
    }
    this.#end += length;
    this.#lastSeq = seq;
  }

  /**
   * Makes all appended records durable. Calls that meet share a datasync.
   * @throws WalError (as a rejection) WAL_FAILED, terminal for this log; WAL_CLOSED
   */
  async sync(): Promise<void> {
    const end = this.#end;
    if (this.#refusal !== null) throw this.#refusal;
    while (this.#syncedEnd < end) {
      if (this.#refusal !== null) throw this.#refusal;
      this.#syncing ??= this.#datasync();
      const syncing = this.#syncing;
      try {
        await syncing;
      } finally {
        if (this.#syncing === syncing) this.#syncing = null;
      }
    }
  }

  /** Closes the file without a sync. A second close does nothing. */
  close(): void {
    this.#refusal ??= new WalError(WalErrorCode.Closed, `${this.#file.path} is closed`);
    this.#file.close();
  }

  async #datasync(): Promise<void> {
    const [end, seq] = [this.#end, this.#lastSeq];
    try {
      await this.#file.datasync();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#syncedEnd = end;
    this.#syncedSeq = seq;
  }

  /** A buffer for frames: kept for the next ones if it is not a large one. */
  #makeFrames(length: number): Uint8Array {
    const bytes = new Uint8Array(
      Math.max(length, 2 * Math.min(this.#frames.length, KEPT_BYTES / 2)),
    );
    if (bytes.length <= KEPT_BYTES) this.#frames = bytes;
    return bytes;
  }

  #encodeFrame(target: Uint8Array, at: number, seq: number, record: Uint8Array): void {
    const { length } = record;
    const head = {
      seq,
      syncedSeq: this.#syncedSeq,
      directoryLength: 0,
      payloadLength: length,
      payloadCrc: crc32(record),
      kind: FrameKind.Record,
      entryCount: 0,
      oldestSegment: 0,
    };
    encodeFrameHead(target, at, head, this.#seeds.at(this.#end + at));
    target.set(record, at + FRAME_HEADER_BYTES);
    target.fill(0, at + FRAME_HEADER_BYTES + length, at + frameBytes(0, length));
  }

  #fail(error: unknown): WalError {
    const failure = toFailure(error, `${this.#file.path} failed`);
    this.#refusal = failure;
    if (!isNoSpace(error)) return failure;
    return new WalError(WalErrorCode.NoSpace, failure.message, { cause: error });
  }
}

/** @throws WalError WAL_USAGE for a record that is too large */
function framesBytes(records: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of records) {
    if (length > MAX_PAYLOAD_BYTES) {
      throw usage(`a record of ${length} bytes is longer than ${MAX_PAYLOAD_BYTES}`);
    }
    bytes += frameBytes(0, length);
  }
  return bytes;
}

/** Answers where the records begin. */
function checkHeader(window: ByteWindow, identity: Uint8Array): number {
  const { path, sizeBytes } = window;
  const corrupt = (offset: number, what: string): WalError =>
    new WalError(WalErrorCode.Corrupt, `${path} is damaged at ${offset}: ${what}`, {
      file: path,
      offset,
    });
  if (sizeBytes < SEGMENT_HEADER_BYTES) throw corrupt(0, 'it is shorter than a header');
  const claimed = claimedIdentityLength(window.copy(0, SEGMENT_HEADER_BYTES));
  const headerEnd = SEGMENT_HEADER_BYTES + Math.max(0, claimed);
  const found = decodeRecordHeader(window.copy(0, Math.min(headerEnd, sizeBytes)));
  if (found === 'damaged') throw corrupt(0, 'its header does not check');
  if (found === 'newer') {
    throw new WalError(
      WalErrorCode.Newer,
      `${path} has a newer format than ${FORMAT_VERSION}: use the program that wrote it, or a later one`,
      { file: path, offset: 8 },
    );
  }
  if (found.length !== identity.length || found.some((byte, i) => byte !== identity[i])) {
    throw corrupt(SEGMENT_HEADER_BYTES, 'it belongs to something else (its identity differs)');
  }
  return encodeRecordHeader(identity).length;
}
