import { checkKeyBytes } from '../command-codec.js';
import { checkRequestBytes } from '../decode-request.js';
import { DougError } from '../doug-error.js';
import { Consistency } from '../gen/dougdb/v1/types.js';
import { type LimitTable, limits } from '../limits.js';
import { LINEARIZABLE, type ReadLevel, readLevel } from '../read-level.js';
import { WireReader } from '../wire/wire-reader.js';
import {
  CANCEL_ID,
  CANCEL_IDS_PACKED,
  CLUSTER_ID,
  FIRST_ID,
  GET_AT_REVISION,
  GET_CONSISTENCY,
  GET_KEY,
  GET_MAX_AGE_MS,
  ITEM,
  ITEM_COMMAND,
  ITEM_EPOCH_VERSION,
  ITEM_GET,
  ITEM_PARTITION_ID,
  ITEM_RESEND,
  ITEM_TIMEOUT_MS,
} from './request-format.js';

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
   * @param consistency - of a get, one of the known numbers, never 0; 0 for a command
   * @param argument - see {@link ReadLevel}
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
    argument: number,
  ): void;
  /** An item that cannot be read. The others of the message are not affected. @param error - INVALID_ARGUMENT */
  invalid(id: number, error: DougError): void;
  /** Nobody waits for this id any more. */
  cancel(id: number): void;
}

/**
 * Reads an encoded PipeRequest. The framing of the whole message is checked before anything is
 * delivered, so a message is either refused with nothing done or delivered to its last item.
 * @throws DougError INVALID_ARGUMENT when the message itself is garbage or has too many items,
 * TOO_LARGE above `requestBytes`
 */
export function readPipeRequest(
  bytes: Uint8Array,
  visitor: PipeRequestVisitor,
  table: LimitTable = limits,
): void {
  checkRequestBytes(bytes, table);
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
  #level: ReadLevel = LINEARIZABLE;

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
        this.#level.consistency,
        this.#level.argument,
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
        0,
      );
    }
  }

  #readGet(start: number, end: number): void {
    const reader: WireReader = this.#reader;
    reader.set(this.#bytes, start, end);
    let seen = 0;
    let consistency = 0;
    let revision = 0;
    let maxAgeMs = 0;
    while (reader.pos < end) {
      const tag = reader.tag();
      const bit = tag <= GET_MAX_AGE_MS ? 1 << (tag >>> 3) : 0;
      if ((seen & bit) !== 0) reader.fail(`repeated field ${tag >>> 3} in a get`);
      seen |= bit;
      switch (tag) {
        case GET_KEY:
          reader.range();
          this.#keyStart = reader.start;
          this.#keyEnd = reader.pos;
          break;
        case GET_CONSISTENCY:
          consistency = reader.varint();
          break;
        case GET_AT_REVISION:
          revision = reader.varint();
          break;
        case GET_MAX_AGE_MS:
          maxAgeMs = reader.varint();
          break;
        default:
          reader.fail(`unknown field ${tag >>> 3} in a get`);
      }
    }
    const isPlain = consistency <= 1 && revision === 0 && maxAgeMs === 0;
    this.#level = isPlain ? LINEARIZABLE : readLevel(consistency, revision, maxAgeMs);
    const hasKey = (seen & 2) !== 0;
    checkKeyBytes(hasKey ? this.#keyEnd - this.#keyStart : 0, this.#table);
  }
}
