import fc from 'fast-check';
import { aNumber, aSmallValue } from '../../test/arbitraries.js';
import { WatchEventType, WatchResponse } from '../gen/dougdb/v1/doug.js';
import { ResponseHeader } from '../gen/dougdb/v1/types.js';
import { FRAME_HEADROOM_BYTES } from '../wire/byte-sink.js';
import {
  previousBytes,
  type WatchedChange,
  type WatchedValue,
  watchEventBytes,
  watchKeyOffset,
  writePrevious,
  writeWatchEvent,
} from './watch-event-format.js';
import {
  beginWatchEvent,
  type EncodedWatchEvents,
  encodeWatchEvents,
  joinWatchResponses,
  watchEventFieldBytes,
} from './watch-response-writer.js';

interface Told {
  readonly change: WatchedChange;
  readonly previous: WatchedValue | null;
}

const aKey = fc.uint8Array({ minLength: 1, maxLength: 200 });
const aKv = fc.record({ key: aKey, value: aSmallValue, revision: aNumber, expiresAt: aNumber });
const aChange = fc.oneof(
  aKv.map((kv): WatchedChange => ({ ...kv, isDelete: false })),
  aKv.map(({ key, revision }): WatchedChange => {
    return { key, value: new Uint8Array(0), revision, expiresAt: 0, isDelete: true };
  }),
);

function bytesOf({ change, previous }: Told): Uint8Array {
  const size = watchEventBytes(change) + (previous === null ? 0 : previousBytes(previous));
  const bytes = new Uint8Array(size);
  const at = writeWatchEvent(bytes, 0, change);
  expect(at).toBe(watchEventBytes(change));
  if (previous !== null) expect(writePrevious(bytes, at, previous)).toBe(size);
  return bytes;
}

function encoded(events: readonly Uint8Array[]): EncodedWatchEvents {
  return {
    sizeBytes: events.reduce((sum, event) => sum + watchEventFieldBytes(event.length), 0),
    writeTo: (target, at) => {
      let pos = at;
      for (const event of events) {
        pos = beginWatchEvent(target, pos, event.length);
        target.set(event, pos);
        pos += event.length;
      }
      return pos;
    },
  };
}

describe('an answer of a watch with events', () => {
  it('is decoded to what was put into it, and says what the events cost', () => {
    const tellings = fc.array(fc.record({ change: aChange, previous: fc.option(aKv) }), {
      maxLength: 8,
    });
    const aToken = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(aNumber, aNumber, tellings, aToken, (watchId, revision, told, token) => {
        const header = ResponseHeader.fromPartial({ partitionId: 2, nodeId: 3, revision });
        const events = encoded(told.map(bytesOf));
        const bytes = encodeWatchEvents(
          watchId,
          ResponseHeader.encode(header).finish(),
          events,
          token,
        );
        expect(bytes.byteOffset).toBe(FRAME_HEADROOM_BYTES);
        const expected = WatchResponse.fromPartial({
          watchId,
          header,
          events: told.map(({ change: { isDelete, ...kv }, previous }) => ({
            type: isDelete
              ? WatchEventType.WATCH_EVENT_TYPE_DELETE
              : WatchEventType.WATCH_EVENT_TYPE_PUT,
            kv,
            previous: previous ?? undefined,
          })),
          token,
          created: false,
          error: undefined,
          costBytes: events.sizeBytes,
        });
        expect(WatchResponse.decode(bytes)).toEqual(expected);
      }),
    );
  });

  it('has its key where it is said to be', () => {
    fc.assert(
      fc.property(aChange, (change) => {
        const at = watchKeyOffset(change);
        const found = bytesOf({ change, previous: null }).subarray(at, at + change.key.length);
        expect(Buffer.from(found).equals(Buffer.from(change.key))).toBe(true);
      }),
    );
  });
});

describe('answers that travel together', () => {
  it('are read as they were, in order', () => {
    const answers = [3, 0, 300].map((watchId) =>
      WatchResponse.fromPartial({ watchId, token: new Uint8Array(watchId), costBytes: watchId }),
    );
    const encoded = answers.map((answer) => WatchResponse.encode(answer).finish());
    for (let count = 1; count <= 3; count++) {
      const { more, ...first } = WatchResponse.decode(joinWatchResponses(encoded.slice(0, count)));
      const read = [{ ...first, more: [] }, ...more];
      expect(read).toMatchObject(answers.slice(0, count));
    }
  });
});
