import { Consistency } from '../gen/dougdb/v1/types.js';
import { ByteSink, fieldSize, numberSize } from '../wire/byte-sink.js';
import {
  CANCEL_ID,
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
   * @param timeoutMs - a fraction is rounded up; 0: the server's limit
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
    this.#beginItem(wholeMs(timeoutMs), partitionId, epochVersion, resend, fieldSize(end - start));
    sink.byte(ITEM_COMMAND);
    sink.varint(end - start);
    sink.copy(source, start, end);
    return this.#firstId + this.#items++;
  }

  /**
   * Adds a get of the key source[start, end).
   * @param argument - see ReadLevel
   * @returns the id of the item
   */
  addGet(
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    resend: boolean,
    consistency: Consistency,
    source: Uint8Array,
    start = 0,
    end = source.length,
    argument = 0,
  ): number {
    const sink = this.#sink;
    const getBytes = fieldSize(end - start) + (consistency === 0 ? 0 : 2) + numberSize(argument);
    sink.reserve(itemOverheadBytes + getBytes);
    this.#beginItem(wholeMs(timeoutMs), partitionId, epochVersion, resend, fieldSize(getBytes));
    sink.byte(ITEM_GET);
    sink.varint(getBytes);
    sink.byte(GET_KEY);
    sink.varint(end - start);
    sink.copy(source, start, end);
    if (consistency !== 0) {
      sink.byte(GET_CONSISTENCY);
      sink.byte(consistency);
    }
    const isAt = consistency === Consistency.CONSISTENCY_AT_REVISION;
    this.#number(isAt ? GET_AT_REVISION : GET_MAX_AGE_MS, argument);
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

/** Rounded up, because 0 would mean something else; 24 days are as good as for ever. */
function wholeMs(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(Math.ceil(timeoutMs), 0x7fff_ffff) : 0;
}
