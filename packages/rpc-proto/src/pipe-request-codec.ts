import { checkKeyBytes } from './command-codec.js';
import { DougError } from './doug-error.js';
import { Consistency } from './gen/dougdb/v1/types.js';
import { type LimitTable, limits } from './limits.js';
import { ByteSink, fieldSize, varintSize } from './wire/byte-sink.js';
import { WireReader } from './wire/wire-reader.js';

// PipeRequest { first_id = 1; cluster_id = 2; repeated PipeItem items = 3; repeated uint64 cancel_ids = 4 }
const FIRST_ID = 0x08;
const CLUSTER_ID = 0x12;
const ITEM = 0x1a;
const CANCEL_ID = 0x20;
const CANCEL_IDS_PACKED = 0x22;
// PipeItem { timeout_ms = 1; partition_id = 2; epoch_version = 3; resend = 4; oneof { command = 5; get = 6 } }
const ITEM_TIMEOUT_MS = 0x08;
const ITEM_PARTITION_ID = 0x10;
const ITEM_EPOCH_VERSION = 0x18;
const ITEM_RESEND = 0x20;
const ITEM_COMMAND = 0x2a;
const ITEM_GET = 0x32;
// GetItem { bytes key = 1; Consistency consistency = 2 }
const GET_KEY = 0x0a;
const GET_CONSISTENCY = 0x10;

/** What a Pipe item asks for. */
export type PipeOp = 'command' | 'get';

/**
 * Receives the parts of a PipeRequest in this order: begin, the items by rising id, the cancels.
 * Offsets point into the bytes that are being read. What it throws ends the walk.
 */
export interface PipeRequestVisitor {
  /** @param itemCount - calls of `item` and `invalid` that follow */
  begin(firstId: number, clusterIdStart: number, clusterIdEnd: number, itemCount: number): void;
  /**
   * @param op - for 'command' [start, end) is an encoded Command, not checked yet; for 'get' it is
   * the key, its length checked
   * @param consistency - of a get, one of the known numbers; 0 for a command
   */
  item(
    id: number,
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    resend: boolean,
    op: PipeOp,
    start: number,
    end: number,
    consistency: Consistency,
  ): void;
  /** An item that cannot be read. The others of the message are not affected. @param error - INVALID_ARGUMENT */
  invalid(id: number, error: DougError): void;
  /** Nobody waits for this id any more. */
  cancel(id: number): void;
}

/**
 * Reads an encoded PipeRequest. The framing of the whole message is checked before anything is
 * delivered, so a message is either refused with nothing done or delivered to its last item.
 * @throws DougError INVALID_ARGUMENT when the message itself is garbage or has too many items
 */
export function readPipeRequest(
  bytes: Uint8Array,
  visitor: PipeRequestVisitor,
  table: LimitTable = limits,
): void {
  new PipeRequestReader(bytes, visitor, table).read();
}

class PipeRequestReader {
  // One for each message and not a shared one: the visitor may read another message meanwhile.
  readonly #reader = new WireReader('INVALID_ARGUMENT');
  readonly #bytes: Uint8Array;
  readonly #visitor: PipeRequestVisitor;
  readonly #table: LimitTable;
  #firstId = 0;
  #clusterIdStart = 0;
  #clusterIdEnd = 0;
  #itemCount = 0;
  #cancelCount = 0;
  // Of the get that was read last.
  #keyStart = 0;
  #keyEnd = 0;
  #consistency: Consistency = Consistency.CONSISTENCY_UNSPECIFIED;

  constructor(bytes: Uint8Array, visitor: PipeRequestVisitor, table: LimitTable) {
    this.#bytes = bytes;
    this.#visitor = visitor;
    this.#table = table;
  }

  read(): void {
    // Fields may come in any order, so the first walk is needed for first_id in any case.
    this.#checkFraming();
    this.#visitor.begin(this.#firstId, this.#clusterIdStart, this.#clusterIdEnd, this.#itemCount);
    if (this.#itemCount > 0) this.#deliverItems();
    if (this.#cancelCount > 0) this.#walkCancels(true);
  }

  #checkFraming(): void {
    const reader = this.#reader;
    const end = this.#bytes.length;
    reader.set(this.#bytes, 0, end);
    while (reader.pos < end) {
      const tag = reader.tag();
      switch (tag) {
        case FIRST_ID:
          this.#firstId = reader.varint();
          break;
        case CLUSTER_ID:
          reader.range();
          this.#clusterIdStart = reader.start;
          this.#clusterIdEnd = reader.pos;
          break;
        case ITEM:
          reader.range();
          this.#itemCount++;
          break;
        case CANCEL_ID:
        case CANCEL_IDS_PACKED:
          reader.skip(tag);
          this.#cancelCount++;
          break;
        default:
          reader.fail(`unknown field ${tag >>> 3} or wrong wire type`);
      }
    }
    if (this.#itemCount > this.#table.pipeWindowItems) {
      reader.fail(`${this.#itemCount} items are over the limit of ${this.#table.pipeWindowItems}`);
    }
    if (this.#firstId + this.#itemCount > Number.MAX_SAFE_INTEGER)
      reader.fail('ids of 2^53 or more');
    if (this.#cancelCount > 0) this.#walkCancels(false);
  }

  #walkCancels(deliver: boolean): void {
    const reader = this.#reader;
    const end = this.#bytes.length;
    let count = 0;
    reader.set(this.#bytes, 0, end);
    while (reader.pos < end) {
      const tag = reader.tag();
      if (tag === CANCEL_ID) {
        const id = reader.varint();
        count++;
        if (deliver) this.#visitor.cancel(id);
      } else if (tag === CANCEL_IDS_PACKED) {
        reader.range();
        const packedEnd = reader.pos;
        reader.pos = reader.start;
        reader.end = packedEnd;
        while (reader.pos < packedEnd) {
          const id = reader.varint();
          count++;
          if (deliver) this.#visitor.cancel(id);
        }
        reader.end = end;
      } else {
        reader.skip(tag);
      }
      if (count > this.#table.pipeWindowItems) reader.fail('too many cancel ids');
    }
  }

  #deliverItems(): void {
    const reader = this.#reader;
    const end = this.#bytes.length;
    let id = this.#firstId;
    reader.set(this.#bytes, 0, end);
    while (reader.pos < end) {
      const tag = reader.tag();
      if (tag !== ITEM) {
        reader.skip(tag);
        continue;
      }
      reader.range();
      const itemEnd = reader.pos;
      this.#deliverItem(id++, reader.start, itemEnd);
      reader.set(this.#bytes, itemEnd, end);
    }
  }

  #deliverItem(id: number, start: number, end: number): void {
    const reader = this.#reader;
    let timeoutMs = 0;
    let partitionId = 0;
    let epochVersion = 0;
    let resend = false;
    let op: PipeOp = 'command';
    let opStart = -1;
    let opEnd = -1;
    let seen = 0;
    try {
      reader.set(this.#bytes, start, end);
      while (reader.pos < end) {
        const tag = reader.tag();
        // Command and get are one field here: the later one does not silently win.
        const bit = tag === ITEM_GET ? 1 << 5 : 1 << (tag >>> 3);
        if ((seen & bit) !== 0) reader.fail('repeated field in an item');
        seen |= bit;
        switch (tag) {
          case ITEM_TIMEOUT_MS:
            timeoutMs = reader.varint();
            break;
          case ITEM_PARTITION_ID:
            partitionId = reader.varint();
            break;
          case ITEM_EPOCH_VERSION:
            epochVersion = reader.varint();
            break;
          case ITEM_RESEND:
            resend = reader.varint() !== 0;
            break;
          case ITEM_COMMAND:
          case ITEM_GET:
            op = tag === ITEM_COMMAND ? 'command' : 'get';
            reader.range();
            opStart = reader.start;
            opEnd = reader.pos;
            break;
          default:
            reader.fail(`unknown field ${tag >>> 3} or wrong wire type in an item`);
        }
      }
      if (opStart === -1) reader.fail('an item without an operation');
      if (op === 'get') this.#readGet(opStart, opEnd);
    } catch (error) {
      // Only this reader's own refusals: the visitor is not called in here.
      this.#visitor.invalid(id, DougError.from(error, 'NOT_APPLIED'));
      return;
    }
    if (op === 'get') {
      this.#visitor.item(
        id,
        timeoutMs,
        partitionId,
        epochVersion,
        resend,
        op,
        this.#keyStart,
        this.#keyEnd,
        this.#consistency,
      );
    } else {
      this.#visitor.item(
        id,
        timeoutMs,
        partitionId,
        epochVersion,
        resend,
        op,
        opStart,
        opEnd,
        Consistency.CONSISTENCY_UNSPECIFIED,
      );
    }
  }

  #readGet(start: number, end: number): void {
    const reader: WireReader = this.#reader;
    reader.set(this.#bytes, start, end);
    let hasKey = false;
    let hasConsistency = false;
    this.#consistency = Consistency.CONSISTENCY_UNSPECIFIED;
    while (reader.pos < end) {
      const tag = reader.tag();
      if (tag === GET_KEY && !hasKey) {
        hasKey = true;
        reader.range();
        this.#keyStart = reader.start;
        this.#keyEnd = reader.pos;
      } else if (tag === GET_CONSISTENCY && !hasConsistency) {
        hasConsistency = true;
        const value = reader.varint();
        if (!isConsistency(value)) reader.fail(`unknown consistency ${value}`);
        this.#consistency = value;
      } else {
        reader.fail(`unknown or repeated field ${tag >>> 3} in a get`);
      }
    }
    checkKeyBytes(hasKey ? this.#keyEnd - this.#keyStart : 0, this.#table);
  }
}

/**
 * Whether a number is a consistency that this version can serve (or 0: the default). An unknown one
 * must be refused: serving it as something weaker would break a promise.
 */
export function isConsistency(value: number): value is Consistency {
  return (
    value === Consistency.CONSISTENCY_UNSPECIFIED ||
    value === Consistency.CONSISTENCY_LINEARIZABLE ||
    value === Consistency.CONSISTENCY_EVENTUAL
  );
}

// A tag and at most 8 bytes of varint for each number; 4 covers the tag and length of op and item.
const itemOverheadBytes = 48;

/**
 * Builds PipeRequests, one after the other: `begin`, then items and cancels, then `finish`. Each item
 * is copied once into the message. Used again for the next message.
 */
export class PipeRequestWriter {
  readonly #sink = new ByteSink();
  #firstId = 0;
  #items = 0;

  /** Items of the message so far. */
  get items(): number {
    return this.#items;
  }

  /** Size of the message so far. */
  get sizeBytes(): number {
    return this.#sink.size;
  }

  /**
   * Begins a message; what was not finished is dropped.
   * @param firstId - id of its first item; the next ones count up
   * @param clusterId - empty: not checked
   */
  begin(firstId: number, clusterId: Uint8Array): void {
    const sink = this.#sink;
    sink.clear();
    this.#firstId = firstId;
    this.#items = 0;
    sink.reserve(20 + clusterId.length);
    if (firstId !== 0) {
      sink.byte(FIRST_ID);
      sink.varint(firstId);
    }
    if (clusterId.length > 0) {
      sink.byte(CLUSTER_ID);
      sink.varint(clusterId.length);
      sink.copy(clusterId, 0, clusterId.length);
    }
  }

  /**
   * Adds the encoded Command source[start, end).
   * @param timeoutMs - whole milliseconds; 0: the server's limit
   * @param resend - whether anybody sent this op before
   * @returns the id of the item
   */
  addCommand(
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    resend: boolean,
    source: Uint8Array,
    start = 0,
    end = source.length,
  ): number {
    const sink = this.#sink;
    sink.reserve(itemOverheadBytes + end - start);
    this.#beginItem(timeoutMs, partitionId, epochVersion, resend, fieldSize(end - start));
    sink.byte(ITEM_COMMAND);
    sink.varint(end - start);
    sink.copy(source, start, end);
    return this.#firstId + this.#items++;
  }

  /** Adds a get of the key source[start, end). @returns the id of the item */
  addGet(
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    resend: boolean,
    consistency: Consistency,
    source: Uint8Array,
    start = 0,
    end = source.length,
  ): number {
    const sink = this.#sink;
    const getBytes = fieldSize(end - start) + (consistency === 0 ? 0 : 2);
    sink.reserve(itemOverheadBytes + getBytes);
    this.#beginItem(timeoutMs, partitionId, epochVersion, resend, fieldSize(getBytes));
    sink.byte(ITEM_GET);
    sink.varint(getBytes);
    sink.byte(GET_KEY);
    sink.varint(end - start);
    sink.copy(source, start, end);
    if (consistency !== 0) {
      sink.byte(GET_CONSISTENCY);
      sink.byte(consistency);
    }
    return this.#firstId + this.#items++;
  }

  /** Says that nobody waits for an id of this Pipe any more. */
  addCancel(id: number): void {
    this.#sink.reserve(9);
    this.#sink.byte(CANCEL_ID);
    this.#sink.varint(id);
  }

  /**
   * Ends the message.
   * @returns its bytes, owned by the caller; FRAME_HEADROOM_BYTES bytes before them in the same
   * buffer are free
   */
  finish(): Uint8Array {
    this.#items = 0;
    return this.#sink.take();
  }

  #beginItem(
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    resend: boolean,
    opBytes: number,
  ): void {
    const sink = this.#sink;
    sink.byte(ITEM);
    sink.varint(
      opBytes +
        numberSize(timeoutMs) +
        numberSize(partitionId) +
        numberSize(epochVersion) +
        (resend ? 2 : 0),
    );
    this.#number(ITEM_TIMEOUT_MS, timeoutMs);
    this.#number(ITEM_PARTITION_ID, partitionId);
    this.#number(ITEM_EPOCH_VERSION, epochVersion);
    if (resend) {
      sink.byte(ITEM_RESEND);
      sink.byte(1);
    }
  }

  #number(tag: number, value: number): void {
    if (value === 0) return;
    this.#sink.byte(tag);
    this.#sink.varint(value);
  }
}

function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}
