import { decodeWhole } from '../decode-request.js';
import { DougError } from '../doug-error.js';
import { ResponseHeader, Error as WireError } from '../gen/dougdb/v1/types.js';
import { type LimitTable, limits } from '../limits.js';
import { WireReader } from '../wire/wire-reader.js';
import {
  GET_EXPIRES_AT,
  GET_FOUND,
  GET_REVISION,
  GET_VALUE,
  HEADER,
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

/** Receives a PipeResponse: begin, then the results in their order. What it throws ends the walk. */
export interface PipeResponseVisitor {
  /** @param headers - what the header indexes of the results name */
  begin(headers: readonly ResponseHeader[], resultCount: number): void;
  /**
   * The last six are of a write that looked first (see LookedWrite): false, 0 and empty ranges otherwise. The
   * previous value is bytes[valueStart, valueEnd) of what is being read, the result bytes[resultStart, resultEnd).
   */
  write(
    id: number,
    header: number,
    revision: number,
    resultNotKept: boolean,
    compareFailed: boolean,
    previousRevision: number,
    valueStart: number,
    valueEnd: number,
    resultStart: number,
    resultEnd: number,
  ): void;
  /** The value is bytes[valueStart, valueEnd) of what is being read: copy what is kept. */
  get(
    id: number,
    header: number,
    found: boolean,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
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
  let compareFailed = false;
  let previousRevision = 0;
  let valueStart = reader.pos;
  let valueEnd = reader.pos;
  let resultStart = reader.pos;
  let resultEnd = reader.pos;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case WRITE_REVISION:
        revision = reader.varint();
        break;
      case WRITE_RESULT_NOT_KEPT:
        resultNotKept = reader.varint() !== 0;
        break;
      case WRITE_COMPARE_FAILED:
        compareFailed = reader.varint() !== 0;
        break;
      case WRITE_PREVIOUS_REVISION:
        previousRevision = reader.varint();
        break;
      case WRITE_PREVIOUS_VALUE:
        reader.range();
        valueStart = reader.start;
        valueEnd = reader.pos;
        break;
      case WRITE_OPERATION_RESULT:
        reader.range();
        resultStart = reader.start;
        resultEnd = reader.pos;
        break;
      default:
        reader.skip(tag);
    }
  }
  visitor.write(
    id,
    header,
    revision,
    resultNotKept,
    compareFailed,
    previousRevision,
    valueStart,
    valueEnd,
    resultStart,
    resultEnd,
  );
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
  let expiresAt = 0;
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
    } else if (tag === GET_EXPIRES_AT) {
      expiresAt = reader.varint();
    } else {
      reader.skip(tag);
    }
  }
  visitor.get(id, header, found, valueStart, valueEnd, revision, expiresAt);
}

function decodeHeader(reader: WireReader, bytes: Uint8Array): ResponseHeader {
  try {
    return decodeWhole(ResponseHeader, bytes.subarray(reader.start, reader.pos));
  } catch (error) {
    throw new DougError('INTERNAL', 'malformed message: header', { cause: error });
  }
}

function decodeError(reader: WireReader): WireError {
  try {
    return decodeWhole(WireError, reader.bytes.subarray(reader.pos, reader.end));
  } catch (error) {
    throw new DougError('INTERNAL', 'malformed message: error', { cause: error });
  }
}
