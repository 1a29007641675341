import { type CommandBody, checkTtl, readBody } from './command-body.js';
import { DougError } from './doug-error.js';
import type { OpId } from './gen/dougdb/v1/types.js';
import { type LimitTable, limits } from './limits.js';
import { copyBytes, fieldSize, numberSize, writeVarint } from './wire/byte-sink.js';
import { allocate } from './wire/slab.js';
import { WireReader } from './wire/wire-reader.js';

/** Length of a session id in bytes. */
export const SESSION_BYTES = 16;

// Command { OpId op_id = 1; oneof { PutOperation put = 2; DeleteOperation delete = 3; TxnOperation txn = 4;
//   DeleteRangeOperation delete_range = 5; ExpireOperation expire = 6; CompactOperation compact = 7 } }
const COMMAND_OP_ID = 0x0a;
const COMMAND_PUT = 0x12;
const COMMAND_DELETE = 0x1a;
const COMMAND_TXN = 0x22;
const COMMAND_DELETE_RANGE = 0x2a;
const COMMAND_EXPIRE = 0x32;
const COMMAND_COMPACT = 0x3a;
// OpId { bytes session = 1; uint64 started_at = 2; uint64 seq = 3; uint64 first_incomplete = 4 }
const OP_ID_SESSION = 0x0a;
const OP_ID_STARTED_AT = 0x10;
const OP_ID_SEQ = 0x18;
const OP_ID_FIRST_INCOMPLETE = 0x20;
// PutOperation { bytes key = 1; bytes value = 2; uint64 if_revision = 3; bool if_absent = 4; bool return_previous = 5;
//   uint64 ttl_ms = 6 }
const OPERATION_KEY = 0x0a;
const PUT_VALUE = 0x12;
const PUT_IF_REVISION = 0x18;
const PUT_IF_ABSENT = 0x20;
const PUT_RETURN_PREVIOUS = 0x28;
const PUT_TTL_MS = 0x30;
// DeleteOperation { bytes key = 1; uint64 if_revision = 2; bool return_previous = 3; bool return_existed = 4 }
const DELETE_IF_REVISION = 0x10;
const DELETE_RETURN_PREVIOUS = 0x18;
const DELETE_RETURN_EXISTED = 0x20;

/** What the encoders need of an op id. */
export type OpIdFields = Pick<OpId, 'session' | 'startedAt' | 'seq' | 'firstIncomplete'>;

/** What a write is to look at before it takes effect; a write without any of it is blind. */
export interface PutConditions {
  /** Only if the key was last written at this revision; 0 or left out: whatever is there. */
  readonly ifRevision?: number | undefined;
  /** Only if the key is not there. Not together with `ifRevision`. */
  readonly ifAbsent?: boolean | undefined;
  /** Answer what was there before. */
  readonly returnPrevious?: boolean | undefined;
  /** The key goes when so much log time has passed; 0 or left out: it stays. No condition: such a put may be blind. */
  readonly ttlMs?: number | undefined;
}

/** As {@link PutConditions}, of a delete. */
export interface DeleteConditions {
  readonly ifRevision?: number | undefined;
  readonly returnPrevious?: boolean | undefined;
  /** Answer whether the key was there. */
  readonly returnExisted?: boolean | undefined;
}

const blind: PutConditions & DeleteConditions = Object.freeze({});

/**
 * Encodes a put. The same bytes as the generated encoder makes.
 * @param opId - null: without exactly-once; such a write is never sent twice
 * @returns the bytes, owned by the caller; the buffer behind them may be shared with other commands,
 * so it must not be transferred
 */
export function encodePut(
  opId: OpIdFields | null,
  key: Uint8Array,
  value: Uint8Array,
  conditions: PutConditions = blind,
): Uint8Array {
  const { ifRevision = 0, ifAbsent = false, returnPrevious = false, ttlMs = 0 } = conditions;
  const operationBytes =
    bytesFieldSize(key.length) +
    bytesFieldSize(value.length) +
    numberSize(ifRevision) +
    flagSize(ifAbsent) +
    flagSize(returnPrevious) +
    numberSize(ttlMs);
  const opIdBytes = opId === null ? -1 : opIdSize(opId);
  const bytes = allocate(optionalSize(opIdBytes) + fieldSize(operationBytes));
  let pos = opId === null ? 0 : writeOpId(bytes, opId, opIdBytes);
  bytes[pos++] = COMMAND_PUT;
  pos = writeVarint(bytes, pos, operationBytes);
  pos = writeBytesField(bytes, pos, OPERATION_KEY, key);
  pos = writeBytesField(bytes, pos, PUT_VALUE, value);
  pos = writeNumberField(bytes, pos, PUT_IF_REVISION, ifRevision);
  pos = writeNumberField(bytes, pos, PUT_IF_ABSENT, ifAbsent ? 1 : 0);
  pos = writeNumberField(bytes, pos, PUT_RETURN_PREVIOUS, returnPrevious ? 1 : 0);
  writeNumberField(bytes, pos, PUT_TTL_MS, ttlMs);
  return bytes;
}

/** Encodes a delete; see {@link encodePut}. */
export function encodeDelete(
  opId: OpIdFields | null,
  key: Uint8Array,
  conditions: DeleteConditions = blind,
): Uint8Array {
  const { ifRevision = 0, returnPrevious = false, returnExisted = false } = conditions;
  const operationBytes =
    bytesFieldSize(key.length) +
    numberSize(ifRevision) +
    flagSize(returnPrevious) +
    flagSize(returnExisted);
  const opIdBytes = opId === null ? -1 : opIdSize(opId);
  const bytes = allocate(optionalSize(opIdBytes) + fieldSize(operationBytes));
  let pos = opId === null ? 0 : writeOpId(bytes, opId, opIdBytes);
  bytes[pos++] = COMMAND_DELETE;
  pos = writeVarint(bytes, pos, operationBytes);
  pos = writeBytesField(bytes, pos, OPERATION_KEY, key);
  pos = writeNumberField(bytes, pos, DELETE_IF_REVISION, ifRevision);
  pos = writeNumberField(bytes, pos, DELETE_RETURN_PREVIOUS, returnPrevious ? 1 : 0);
  writeNumberField(bytes, pos, DELETE_RETURN_EXISTED, returnExisted ? 1 : 0);
  return bytes;
}

export type CommandKind = 'put' | 'delete' | CommandBody['kind'];

/**
 * What {@link readCommand} found: offsets into the bytes that it read, so that nothing is made per
 * command. One instance is filled again and again. After an error its fields mean nothing.
 */
export class CommandView {
  kind: CommandKind = 'put';
  /** Of everything but a put or delete: the operation, its bytes views of what was read. */
  body: CommandBody | null = null;
  /** Of everything but a put or delete: the first key that it names, by which it finds its partition. */
  keyStart = 0;
  keyEnd = 0;
  /** Empty range for a delete. */
  valueStart = 0;
  valueEnd = 0;
  /** Take effect only if the key was last written at this revision; 0: whatever is there. */
  ifRevision = 0;
  /** Take effect only if the key is not there. */
  ifAbsent = false;
  /** The answer tells what was there. */
  returnPrevious = false;
  /** The answer tells whether anything was there. */
  returnExisted = false;
  /** Of a put: the key goes when so much log time has passed; 0: it stays. */
  ttlMs = 0;
  /** Offset of the 16 bytes of the session; -1: the command has no op id. */
  sessionStart = -1;
  /** Log time at which the session began; 0 without op id. */
  startedAt = 0;
  /** Position in the session, from 1; 0 without op id. */
  seq = 0;
  /** Every op below it is finished for the client; 0: not said. */
  firstIncomplete = 0;

  /** Whether the command must look at what is there: it has a condition or tells what it found. */
  get looks(): boolean {
    if (this.body !== null) return true;
    return this.ifRevision !== 0 || this.ifAbsent || this.returnPrevious || this.returnExisted;
  }
}

// Nothing in here calls out, so one reader serves all calls.
const reader = new WireReader('INVALID_ARGUMENT');
const nothing = new Uint8Array(0);

/**
 * Reads the Command in bytes[start, end) and checks everything about it that needs no state.
 * Stricter than protobuf: an unknown, repeated or wrongly typed field is refused, because what one
 * version skips and another one applies would make replicas differ.
 * @throws DougError INVALID_ARGUMENT
 */
export function readCommand(
  bytes: Uint8Array,
  start: number,
  end: number,
  view: CommandView,
  table: LimitTable = limits,
): void {
  reader.set(bytes, start, end);
  view.sessionStart = -1;
  view.startedAt = 0;
  view.seq = 0;
  view.firstIncomplete = 0;
  let hasOpId = false;
  let hasOperation = false;
  while (reader.pos < end) {
    const tag = reader.tag();
    switch (tag) {
      case COMMAND_OP_ID:
        if (hasOpId) refuse('two op ids');
        hasOpId = true;
        readOpId(view);
        break;
      case COMMAND_PUT:
      case COMMAND_DELETE:
        if (hasOperation) refuse('two operations');
        hasOperation = true;
        view.kind = tag === COMMAND_PUT ? 'put' : 'delete';
        readOperation(view, table);
        break;
      case COMMAND_TXN:
      case COMMAND_DELETE_RANGE:
      case COMMAND_EXPIRE:
      case COMMAND_COMPACT:
        if (hasOperation) refuse('two operations');
        hasOperation = true;
        readOther(bodyKinds[tag], view, table);
        break;
      default:
        refuse(`unknown field ${tag >>> 3} or wrong wire type`);
    }
  }
  reader.bytes = nothing;
  if (!hasOperation) refuse('no operation');
}

function readOpId(view: CommandView): void {
  reader.range();
  const end = reader.pos;
  const outerEnd = reader.end;
  let seen = 0;
  reader.pos = reader.start;
  reader.end = end;
  while (reader.pos < end) {
    const tag = reader.tag();
    const bit = tag < 0x28 ? 1 << (tag >>> 3) : 0;
    if ((seen & bit) !== 0) refuse('repeated field in op id');
    seen |= bit;
    switch (tag) {
      case OP_ID_SESSION:
        reader.range();
        if (reader.pos - reader.start !== SESSION_BYTES) refuse('session must be 16 bytes');
        view.sessionStart = reader.start;
        break;
      case OP_ID_STARTED_AT:
        view.startedAt = reader.varint();
        break;
      case OP_ID_SEQ:
        view.seq = reader.varint();
        break;
      case OP_ID_FIRST_INCOMPLETE:
        view.firstIncomplete = reader.varint();
        break;
      default:
        refuse(`unknown field ${tag >>> 3} or wrong wire type in op id`);
    }
  }
  reader.end = outerEnd;
  if (view.sessionStart === -1) refuse('session must be 16 bytes');
  if (view.seq < 1) refuse('seq must be at least 1');
  if (view.firstIncomplete > view.seq) refuse('first_incomplete above seq');
}

function readOperation(view: CommandView, table: LimitTable): void {
  reader.range();
  const end = reader.pos;
  const outerEnd = reader.end;
  let seen = 0;
  reader.pos = reader.start;
  reader.end = end;
  clearOperation(view, end);
  const isPut = view.kind === 'put';
  while (reader.pos < end) {
    const tag = reader.tag();
    const bit = tag < 0x38 ? 1 << (tag >>> 3) : 0;
    if ((seen & bit) !== 0) refuse(`repeated field ${tag >>> 3} in ${view.kind}`);
    seen |= bit;
    if (tag === OPERATION_KEY) {
      reader.range();
      view.keyStart = reader.start;
      view.keyEnd = reader.pos;
    } else if (isPut) {
      readPutField(tag, view);
    } else {
      readDeleteField(tag, view);
    }
  }
  reader.end = outerEnd;
  if (view.ifAbsent && view.ifRevision !== 0) refuse('if_absent together with if_revision');
  checkKeyBytes(view.keyEnd - view.keyStart, table);
  const valueBytes = view.valueEnd - view.valueStart;
  if (valueBytes > table.valueBytes)
    refuse(`value of ${valueBytes} bytes is over the limit of ${table.valueBytes}`);
}

const bodyKinds = {
  [COMMAND_TXN]: 'txn',
  [COMMAND_DELETE_RANGE]: 'delete-range',
  [COMMAND_EXPIRE]: 'expire',
  [COMMAND_COMPACT]: 'compact',
} as const;

/** The rarer kinds are decoded into objects. */
function readOther(kind: CommandBody['kind'], view: CommandView, table: LimitTable): void {
  reader.range();
  clearOperation(view, reader.pos);
  const bytes = reader.bytes;
  const body = readBody(kind, bytes.subarray(reader.start, reader.pos), table);
  view.kind = kind;
  view.body = body;
  if (body.firstKey === null) return;
  view.keyStart = body.firstKey.byteOffset - bytes.byteOffset;
  view.keyEnd = view.keyStart + body.firstKey.length;
}

function readPutField(tag: number, view: CommandView): void {
  switch (tag) {
    case PUT_VALUE:
      reader.range();
      view.valueStart = reader.start;
      view.valueEnd = reader.pos;
      break;
    case PUT_IF_REVISION:
      view.ifRevision = reader.varint();
      break;
    case PUT_IF_ABSENT:
      view.ifAbsent = reader.varint() !== 0;
      break;
    case PUT_RETURN_PREVIOUS:
      view.returnPrevious = reader.varint() !== 0;
      break;
    case PUT_TTL_MS:
      view.ttlMs = reader.varint();
      checkTtl(view.ttlMs);
      break;
    default:
      refuse(`unknown field ${tag >>> 3} or wrong wire type in put`);
  }
}

function readDeleteField(tag: number, view: CommandView): void {
  switch (tag) {
    case DELETE_IF_REVISION:
      view.ifRevision = reader.varint();
      break;
    case DELETE_RETURN_PREVIOUS:
      view.returnPrevious = reader.varint() !== 0;
      break;
    case DELETE_RETURN_EXISTED:
      view.returnExisted = reader.varint() !== 0;
      break;
    default:
      refuse(`unknown field ${tag >>> 3} or wrong wire type in delete`);
  }
}

function clearOperation(view: CommandView, end: number): void {
  view.body = null;
  view.keyStart = end;
  view.keyEnd = end;
  view.valueStart = end;
  view.valueEnd = end;
  view.ifRevision = 0;
  view.ifAbsent = false;
  view.returnPrevious = false;
  view.returnExisted = false;
  view.ttlMs = 0;
}

/** Checks the length of a key. @throws DougError INVALID_ARGUMENT when it is empty or over the limit */
export function checkKeyBytes(keyBytes: number, table: LimitTable = limits): void {
  if (keyBytes === 0) refuse('empty key');
  if (keyBytes > table.keyBytes)
    refuse(`key of ${keyBytes} bytes is over the limit of ${table.keyBytes}`);
}

function refuse(what: string): never {
  reader.bytes = nothing;
  throw new DougError('INVALID_ARGUMENT', what);
}

function bytesFieldSize(length: number): number {
  return length === 0 ? 0 : fieldSize(length);
}

function flagSize(isSet: boolean): number {
  return isSet ? 2 : 0;
}

function optionalSize(contentBytes: number): number {
  return contentBytes < 0 ? 0 : fieldSize(contentBytes);
}

function opIdSize(opId: OpIdFields): number {
  return (
    bytesFieldSize(opId.session.length) +
    numberSize(opId.startedAt) +
    numberSize(opId.seq) +
    numberSize(opId.firstIncomplete)
  );
}

function writeOpId(bytes: Uint8Array, opId: OpIdFields, contentBytes: number): number {
  bytes[0] = COMMAND_OP_ID;
  let pos = writeVarint(bytes, 1, contentBytes);
  pos = writeBytesField(bytes, pos, OP_ID_SESSION, opId.session);
  pos = writeNumberField(bytes, pos, OP_ID_STARTED_AT, opId.startedAt);
  pos = writeNumberField(bytes, pos, OP_ID_SEQ, opId.seq);
  return writeNumberField(bytes, pos, OP_ID_FIRST_INCOMPLETE, opId.firstIncomplete);
}

function writeBytesField(bytes: Uint8Array, at: number, tag: number, content: Uint8Array): number {
  if (content.length === 0) return at;
  bytes[at] = tag;
  const pos = writeVarint(bytes, at + 1, content.length);
  copyBytes(content, 0, content.length, bytes, pos);
  return pos + content.length;
}

function writeNumberField(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}
