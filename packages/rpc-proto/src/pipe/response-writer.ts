import { DougError } from '../doug-error.js';
import { ResponseHeader, Error as WireError } from '../gen/dougdb/v1/types.js';
import { limits } from '../limits.js';
import { ByteSink, fieldSize, numberSize } from '../wire/byte-sink.js';
import {
  GET_EXPIRES_AT,
  GET_FOUND,
  GET_REVISION,
  GET_VALUE,
  HEADER,
  NO_HEADER,
  RESULT,
  RESULT_ERROR,
  RESULT_GET,
  RESULT_HEADER,
  RESULT_ID,
  RESULT_WRITE,
  WRITE_COMPARE_FAILED,
  WRITE_OPERATION_RESULT,
  WRITE_PREVIOUS_REVISION,
  WRITE_PREVIOUS_VALUE,
  WRITE_RESULT_NOT_KEPT,
  WRITE_REVISION,
} from './response-format.js';

// Tags, ids, revisions and lengths of one result row.
const rowOverheadBytes = 80;

/** What a write answers that looked at the key before it took effect. */
export interface LookedWrite {
  /** At which it took effect; where nothing changed, the partition's at this point of its log. */
  readonly revision: number;
  /** The condition was not met: nothing changed. Of a transaction: its failure list was carried out. */
  readonly compareFailed: boolean;
  /** Revision of what was there; 0: nothing was. */
  readonly previousRevision: number;
  /** Null unless it was asked for and there. */
  readonly previousValue: Uint8Array | null;
  /** True: more than outcome and revision was not kept, and what was there is not known any more. */
  readonly resultNotKept?: boolean;
  /** An encoded TxnResult or DeleteRangeResult, by what the command was. */
  readonly result?: Uint8Array | null;
}

/**
 * Builds PipeResponses. Every `add` answers false when the message is full, with nothing written:
 * send what `finish` returns and add the row again. A row is copied once.
 *
 * A header is named by its object: it is encoded when a row of the message first uses it, so it must
 * not be changed before `finish`. Make one for each partition and turn.
 */
export class PipeResponseWriter {
  readonly #sink = new ByteSink();
  readonly #headers: ResponseHeader[] = [];
  readonly #maxBytes: number;
  #results = 0;

  /** @param maxBytes - messages stay below it */
  constructor(maxBytes: number = limits.requestBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Results in the message so far. */
  get results(): number {
    return this.#results;
  }

  /** Size of the message so far. */
  get sizeBytes(): number {
    return this.#sink.size;
  }

  /** Answers a write. */
  addWrite(id: number, header: ResponseHeader, revision: number, resultNotKept: boolean): boolean {
    if (!this.#room(0)) return false;
    const index = this.#headerIndex(header);
    const writeBytes = numberSize(revision) + (resultNotKept ? 2 : 0);
    const sink = this.#sink;
    sink.reserve(rowOverheadBytes);
    this.#beginRow(id, index, fieldSize(writeBytes));
    sink.byte(RESULT_WRITE);
    sink.varint(writeBytes);
    this.#number(WRITE_REVISION, revision);
    if (resultNotKept) this.#number(WRITE_RESULT_NOT_KEPT, 1);
    return true;
  }

  /** Answers a write that looked first. The value is copied. */
  addLookedWrite(id: number, header: ResponseHeader, write: LookedWrite): boolean {
    const { revision, compareFailed, previousRevision, previousValue, resultNotKept } = write;
    const valueBytes = previousValue?.length ?? 0;
    const resultBytes = write.result?.length ?? 0;
    if (!this.#room(valueBytes + resultBytes)) return false;
    const index = this.#headerIndex(header);
    const writeBytes =
      numberSize(revision) +
      (resultNotKept ? 2 : 0) +
      (compareFailed ? 2 : 0) +
      numberSize(previousRevision) +
      (valueBytes === 0 ? 0 : fieldSize(valueBytes)) +
      (resultBytes === 0 ? 0 : fieldSize(resultBytes));
    const sink = this.#sink;
    sink.reserve(rowOverheadBytes + valueBytes + resultBytes);
    this.#beginRow(id, index, fieldSize(writeBytes));
    sink.byte(RESULT_WRITE);
    sink.varint(writeBytes);
    this.#number(WRITE_REVISION, revision);
    this.#number(WRITE_RESULT_NOT_KEPT, resultNotKept ? 1 : 0);
    this.#number(WRITE_COMPARE_FAILED, compareFailed ? 1 : 0);
    this.#number(WRITE_PREVIOUS_REVISION, previousRevision);
    this.#bytes(WRITE_PREVIOUS_VALUE, previousValue);
    this.#bytes(WRITE_OPERATION_RESULT, write.result ?? null);
    return true;
  }

  /** Answers a get with the value source[start, end), the revision that wrote it, and the log time at which it goes. */
  addGet(
    id: number,
    header: ResponseHeader,
    source: Uint8Array,
    start: number,
    end: number,
    revision: number,
    expiresAt = 0,
  ): boolean {
    const valueBytes = end - start;
    if (!this.#room(valueBytes)) return false;
    const index = this.#headerIndex(header);
    const getBytes =
      2 +
      (valueBytes === 0 ? 0 : fieldSize(valueBytes)) +
      numberSize(revision) +
      numberSize(expiresAt);
    const sink = this.#sink;
    sink.reserve(rowOverheadBytes + valueBytes);
    this.#beginRow(id, index, fieldSize(getBytes));
    sink.byte(RESULT_GET);
    sink.varint(getBytes);
    this.#number(GET_FOUND, 1);
    if (valueBytes > 0) {
      sink.byte(GET_VALUE);
      sink.varint(valueBytes);
      sink.copy(source, start, end);
    }
    this.#number(GET_REVISION, revision);
    this.#number(GET_EXPIRES_AT, expiresAt);
    return true;
  }

  /** Answers a get of a key that is not there. */
  addGetMissing(id: number, header: ResponseHeader): boolean {
    if (!this.#room(0)) return false;
    const index = this.#headerIndex(header);
    this.#sink.reserve(rowOverheadBytes);
    this.#beginRow(id, index, 2);
    this.#sink.byte(RESULT_GET);
    this.#sink.varint(0);
    return true;
  }

  /**
   * Answers with an error.
   * @param header - null when no partition stands behind it
   */
  addError(id: number, header: ResponseHeader | null, error: WireError): boolean {
    const encoded = WireError.encode(error).finish();
    if (!this.#room(encoded.length)) return false;
    const index = header === null ? NO_HEADER : this.#headerIndex(header);
    this.#sink.reserve(rowOverheadBytes + encoded.length);
    this.#beginRow(id, index, fieldSize(encoded.length));
    this.#sink.byte(RESULT_ERROR);
    this.#sink.varint(encoded.length);
    this.#sink.copy(encoded, 0, encoded.length);
    return true;
  }

  /** Ends the message. @returns its bytes, owned by the caller, with headroom as PipeRequestWriter's */
  finish(): Uint8Array {
    this.#results = 0;
    this.#headers.length = 0;
    return this.#sink.take();
  }

  /** Whether a row with so many bytes of content still fits, a new header included. */
  #room(contentBytes: number): boolean {
    const needed = rowOverheadBytes + headerBytes + contentBytes;
    if (this.#sink.size + needed < this.#maxBytes) return true;
    if (this.#results > 0) return false;
    throw new DougError(
      'INTERNAL',
      `a result of ${contentBytes} bytes does not fit into ${this.#maxBytes}`,
    );
  }

  #headerIndex(header: ResponseHeader): number {
    // Newest first: rows of one partition come together.
    const index = this.#headers.lastIndexOf(header);
    if (index !== -1) return index;
    const encoded = ResponseHeader.encode(header).finish();
    this.#sink.reserve(8 + encoded.length);
    this.#sink.byte(HEADER);
    this.#sink.varint(encoded.length);
    this.#sink.copy(encoded, 0, encoded.length);
    return this.#headers.push(header) - 1;
  }

  #beginRow(id: number, headerIndex: number, resultBytes: number): void {
    this.#results++;
    this.#sink.byte(RESULT);
    this.#sink.varint(numberSize(id) + numberSize(headerIndex) + resultBytes);
    this.#number(RESULT_ID, id);
    this.#number(RESULT_HEADER, headerIndex);
  }

  #bytes(tag: number, content: Uint8Array | null): void {
    if (content === null || content.length === 0) return;
    this.#sink.byte(tag);
    this.#sink.varint(content.length);
    this.#sink.copy(content, 0, content.length);
  }

  #number(tag: number, value: number): void {
    if (value === 0) return;
    this.#sink.byte(tag);
    this.#sink.varint(value);
  }
}

// Nine fields: a cluster id of 16 bytes and eight numbers of at most 9 bytes, with room to spare.
const headerBytes = 160;
