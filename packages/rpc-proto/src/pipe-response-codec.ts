import { DougError } from './doug-error.js';
import { ResponseHeader, Error as WireError } from './gen/dougdb/v1/types.js';
import { type LimitTable, limits } from './limits.js';
import { ByteSink, fieldSize, varintSize } from './wire/byte-sink.js';
import { WireReader } from './wire/wire-reader.js';

// PipeResponse { repeated PipeResult results = 1; repeated ResponseHeader headers = 2 }
const RESULT = 0x0a;
const HEADER = 0x12;
// PipeResult { uint64 id = 1; uint64 header = 2; oneof { Error error = 3; WriteResult write = 4; GetResult get = 5 } }
const RESULT_ID = 0x08;
const RESULT_HEADER = 0x10;
const RESULT_ERROR = 0x1a;
const RESULT_WRITE = 0x22;
const RESULT_GET = 0x2a;
// WriteResult { uint64 revision = 1; bool result_not_kept = 2 }
const WRITE_REVISION = 0x08;
const WRITE_RESULT_NOT_KEPT = 0x10;
// GetResult { bool found = 1; bytes value = 2; uint64 revision = 3 }
const GET_FOUND = 0x08;
const GET_VALUE = 0x12;
const GET_REVISION = 0x18;

/** Header index of a result that has no header: beyond every possible list. */
export const NO_HEADER = 16_383;

// Tags, ids, revisions and lengths of one result row.
const rowOverheadBytes = 64;

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

  /** Answers a get with the value source[start, end) and the revision that wrote it. */
  addGet(
    id: number,
    header: ResponseHeader,
    source: Uint8Array,
    start: number,
    end: number,
    revision: number,
  ): boolean {
    const valueBytes = end - start;
    if (!this.#room(valueBytes)) return false;
    const index = this.#headerIndex(header);
    const getBytes = 2 + (valueBytes === 0 ? 0 : fieldSize(valueBytes)) + numberSize(revision);
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

  #number(tag: number, value: number): void {
    if (value === 0) return;
    this.#sink.byte(tag);
    this.#sink.varint(value);
  }
}

// Nine fields: a cluster id of 16 bytes and eight numbers of at most 9 bytes, with room to spare.
const headerBytes = 160;

/** Receives a PipeResponse: begin, then the results in their order. What it throws ends the walk. */
export interface PipeResponseVisitor {
  /** @param headers - what the header indexes of the results name */
  begin(headers: readonly ResponseHeader[], resultCount: number): void;
  write(id: number, header: number, revision: number, resultNotKept: boolean): void;
  /** The value is bytes[valueStart, valueEnd) of what is being read: copy what is kept. */
  get(
    id: number,
    header: number,
    found: boolean,
    valueStart: number,
    valueEnd: number,
    revision: number,
  ): void;
  /** @param header - may name no header */
  error(id: number, header: number, error: WireError): void;
  /** A result of a kind that this version does not know, or none. */
  unknown(id: number, header: number): void;
}

/**
 * Reads an encoded PipeResponse. Unknown fields are skipped: a newer server may say more.
 * @throws DougError INTERNAL, outcome UNKNOWN, when it is garbage; nothing is delivered when the
 * framing of the message is broken, results before a broken one are
 */
export function readPipeResponse(
  bytes: Uint8Array,
  visitor: PipeResponseVisitor,
  table: LimitTable = limits,
): void {
  const reader = new WireReader('INTERNAL');
  const headers: ResponseHeader[] = [];
  const end = bytes.length;
  let results = 0;
  reader.set(bytes, 0, end);
  while (reader.pos < end) {
    const tag = reader.tag();
    reader.skip(tag);
    if (tag === RESULT) results++;
    else if (tag === HEADER) headers.push(decodeHeader(reader, bytes));
  }
  // Every result answers an item of the window, so more than that cannot be right.
  if (results > table.pipeWindowItems) reader.fail('too many results');
  visitor.begin(headers, results);
  reader.set(bytes, 0, end);
  while (reader.pos < end) {
    const tag = reader.tag();
    reader.skip(tag);
    if (tag !== RESULT) continue;
    const resultEnd = reader.pos;
    readResult(reader, reader.start, resultEnd, visitor);
    reader.set(bytes, resultEnd, end);
  }
}

function readResult(
  reader: WireReader,
  start: number,
  end: number,
  visitor: PipeResponseVisitor,
): void {
  const { bytes } = reader;
  let id = 0;
  let header = 0;
  let kind = 0;
  let contentStart = 0;
  let contentEnd = 0;
  reader.set(bytes, start, end);
  while (reader.pos < end) {
    const tag = reader.tag();
    switch (tag) {
      case RESULT_ID:
        id = reader.varint();
        break;
      case RESULT_HEADER:
        header = reader.varint();
        break;
      case RESULT_ERROR:
      case RESULT_WRITE:
      case RESULT_GET:
        reader.range();
        kind = tag;
        contentStart = reader.start;
        contentEnd = reader.pos;
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.set(bytes, contentStart, contentEnd);
  if (kind === RESULT_WRITE) readWrite(reader, id, header, visitor);
  else if (kind === RESULT_GET) readGet(reader, id, header, visitor);
  else if (kind === RESULT_ERROR) visitor.error(id, header, decodeError(reader));
  else visitor.unknown(id, header);
}

function readWrite(
  reader: WireReader,
  id: number,
  header: number,
  visitor: PipeResponseVisitor,
): void {
  let revision = 0;
  let resultNotKept = false;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === WRITE_REVISION) revision = reader.varint();
    else if (tag === WRITE_RESULT_NOT_KEPT) resultNotKept = reader.varint() !== 0;
    else reader.skip(tag);
  }
  visitor.write(id, header, revision, resultNotKept);
}

function readGet(
  reader: WireReader,
  id: number,
  header: number,
  visitor: PipeResponseVisitor,
): void {
  let found = false;
  let valueStart = reader.pos;
  let valueEnd = reader.pos;
  let revision = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === GET_FOUND) {
      found = reader.varint() !== 0;
    } else if (tag === GET_VALUE) {
      reader.range();
      valueStart = reader.start;
      valueEnd = reader.pos;
    } else if (tag === GET_REVISION) {
      revision = reader.varint();
    } else {
      reader.skip(tag);
    }
  }
  visitor.get(id, header, found, valueStart, valueEnd, revision);
}

function decodeHeader(reader: WireReader, bytes: Uint8Array): ResponseHeader {
  try {
    return ResponseHeader.decode(bytes.subarray(reader.start, reader.pos));
  } catch (error) {
    throw new DougError('INTERNAL', 'malformed message: header', { cause: error });
  }
}

function decodeError(reader: WireReader): WireError {
  try {
    return WireError.decode(reader.bytes.subarray(reader.pos, reader.end));
  } catch (error) {
    throw new DougError('INTERNAL', 'malformed message: error', { cause: error });
  }
}

function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}
