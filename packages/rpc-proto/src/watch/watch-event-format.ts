import { WatchEventType } from '../gen/dougdb/v1/doug.js';
import { copyBytes, fieldSize, numberSize, writeVarint } from '../wire/byte-sink.js';

// The tags (field number * 8 + wire type) of a WatchEvent and of the KeyValue in it.

// WatchEvent { WatchEventType type = 1; KeyValue kv = 2; KeyValue previous = 3 }
const EVENT_TYPE = 0x08;
const EVENT_KV = 0x12;
const EVENT_PREVIOUS = 0x1a;
// KeyValue { bytes key = 1; bytes value = 2; uint64 revision = 3; uint64 expires_at = 4 }
const KV_KEY = 0x0a;
const KV_VALUE = 0x12;
const KV_REVISION = 0x18;
const KV_EXPIRES_AT = 0x20;

/** A key with its value at a revision, as the protocol sends it. */
export interface WatchedValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
  /** 0: never. */
  readonly expiresAt: number;
}

/** A change of a key; of a delete the value is empty. */
export interface WatchedChange extends WatchedValue {
  readonly isDelete: boolean;
}

/** Length of an encoded WatchEvent without what was there before. */
export function watchEventBytes(change: WatchedChange): number {
  return 2 + fieldSize(valueBytes(change));
}

/**
 * Encodes a WatchEvent without what was there before; {@link writePrevious} may follow it, as fields of a
 * message may come in any order.
 * @returns the offset behind it
 */
export function writeWatchEvent(target: Uint8Array, at: number, change: WatchedChange): number {
  target[at] = EVENT_TYPE;
  target[at + 1] = change.isDelete
    ? WatchEventType.WATCH_EVENT_TYPE_DELETE
    : WatchEventType.WATCH_EVENT_TYPE_PUT;
  return writeValue(target, at + 2, EVENT_KV, change);
}

/** Offset of the key in an event that {@link writeWatchEvent} has written. */
export function watchKeyOffset(change: WatchedChange): number {
  const { length } = change.key;
  return 2 + fieldSize(valueBytes(change)) - valueBytes(change) + fieldSize(length) - length;
}

/** Length of what {@link writePrevious} writes. */
export function previousBytes(previous: WatchedValue): number {
  return fieldSize(valueBytes(previous));
}

/** What was there before, as a field of the event that it is appended to. @returns the offset behind it */
export function writePrevious(target: Uint8Array, at: number, previous: WatchedValue): number {
  return writeValue(target, at, EVENT_PREVIOUS, previous);
}

function valueBytes({ key, value, revision, expiresAt }: WatchedValue): number {
  const content = value.length === 0 ? 0 : fieldSize(value.length);
  return fieldSize(key.length) + content + numberSize(revision) + numberSize(expiresAt);
}

function writeValue(target: Uint8Array, at: number, tag: number, kv: WatchedValue): number {
  target[at] = tag;
  let pos = writeVarint(target, at + 1, valueBytes(kv));
  pos = writeBytes(target, pos, KV_KEY, kv.key);
  if (kv.value.length > 0) pos = writeBytes(target, pos, KV_VALUE, kv.value);
  pos = writeNumber(target, pos, KV_REVISION, kv.revision);
  return writeNumber(target, pos, KV_EXPIRES_AT, kv.expiresAt);
}

function writeBytes(target: Uint8Array, at: number, tag: number, content: Uint8Array): number {
  target[at] = tag;
  const pos = writeVarint(target, at + 1, content.length);
  copyBytes(content, 0, content.length, target, pos);
  return pos + content.length;
}

function writeNumber(target: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}
