import {
  copyBytes,
  FRAME_HEADROOM_BYTES,
  fieldSize,
  numberSize,
  varintSize,
  writeVarint,
} from '../wire/byte-sink.js';

// The tags of a WatchResponse.

// WatchResponse { uint64 watch_id = 1; ResponseHeader header = 2; repeated WatchEvent events = 3;
//   bytes token = 4; bool created = 5; Error error = 6; uint64 cost_bytes = 7; repeated WatchResponse more = 8 }
const WATCH_ID = 0x08;
const HEADER = 0x12;
const EVENTS = 0x1a;
const TOKEN = 0x22;
const COST_BYTES = 0x38;
const MORE = 0x42;

/** Encoded events of one answer, as fields of the WatchResponse: see {@link beginWatchEvent}. */
export interface EncodedWatchEvents {
  /** Of all fields, tags and lengths included: what the events cost. */
  readonly sizeBytes: number;
  /** Writes them one behind the other. @returns the offset behind the last one */
  writeTo(target: Uint8Array, at: number): number;
}

/** Length of the field of an event of so many bytes. */
export function watchEventFieldBytes(eventBytes: number): number {
  return fieldSize(eventBytes);
}

/** Begins the field of an event. @returns the offset at which the event begins */
export function beginWatchEvent(target: Uint8Array, at: number, eventBytes: number): number {
  target[at] = EVENTS;
  return writeVarint(target, at + 1, eventBytes);
}

/**
 * An encoded WatchResponse with events, whose cost is their length in it. The view has
 * FRAME_HEADROOM_BYTES free bytes before it in the same buffer, as a Pipe message has.
 * @param header - an encoded ResponseHeader
 */
export function encodeWatchEvents(
  watchId: number,
  header: Uint8Array,
  events: EncodedWatchEvents,
  token: Uint8Array,
): Uint8Array {
  const { sizeBytes } = events;
  const size =
    numberSize(watchId) +
    fieldSize(header.length) +
    sizeBytes +
    fieldSize(token.length) +
    (1 + varintSize(sizeBytes));
  const bytes = new Uint8Array(FRAME_HEADROOM_BYTES + size);
  let at = FRAME_HEADROOM_BYTES;
  if (watchId !== 0) at = writeNumber(bytes, at, WATCH_ID, watchId);
  at = writeField(bytes, at, HEADER, header);
  at = events.writeTo(bytes, at);
  at = writeField(bytes, at, TOKEN, token);
  writeNumber(bytes, at, COST_BYTES, sizeBytes);
  return bytes.subarray(FRAME_HEADROOM_BYTES);
}

/** One WatchResponse that carries several, in order. @param responses - encoded; at least one */
export function joinWatchResponses(responses: readonly Uint8Array[]): Uint8Array {
  const size = responses.reduce((sum, { length }) => sum + fieldSize(length), 0);
  const bytes = new Uint8Array(FRAME_HEADROOM_BYTES + size);
  let at = FRAME_HEADROOM_BYTES;
  for (const [place, response] of responses.entries()) {
    if (place === 0) {
      copyBytes(response, 0, response.length, bytes, at);
      at += response.length;
    } else {
      at = writeField(bytes, at, MORE, response);
    }
  }
  return bytes.subarray(FRAME_HEADROOM_BYTES, at);
}

function writeField(target: Uint8Array, at: number, tag: number, content: Uint8Array): number {
  target[at] = tag;
  const pos = writeVarint(target, at + 1, content.length);
  copyBytes(content, 0, content.length, target, pos);
  return pos + content.length;
}

function writeNumber(target: Uint8Array, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}
