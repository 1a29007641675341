import { crc32 } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import type { WatchPiece } from './watch-position.js';
import { decodeWatchToken, encodeWatchToken } from './watch-token.js';

const none = new Uint8Array(0);
const cluster = new Uint8Array(16).fill(7);

function piece(start: string, end: string, revision: number, lastKey = ''): WatchPiece {
  return {
    partitionId: 2,
    epochVersion: 3,
    start: bytes(start),
    end: bytes(end),
    revision,
    lastKey: bytes(lastKey),
  };
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** The same bytes with a checksum that fits. */
function sealed(token: Uint8Array): Uint8Array {
  const copy = new Uint8Array(token);
  const crcAt = copy.length - 4;
  new DataView(copy.buffer).setUint32(crcAt, crc32(copy, 0, 0, crcAt), true);
  return copy;
}

function refusal(token: Uint8Array, own = cluster): DougError {
  try {
    decodeWatchToken(token, own);
  } catch (error) {
    if (DougError.is(error)) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('the token of a watch', () => {
  it('has the bytes that are documented', () => {
    const token = encodeWatchToken({
      clusterId: none,
      pieces: [piece('', 'm', 300, 'k'), piece('m', '', 5)],
    });
    const body =
      '570100' + '0203' + '00' + '016d' + 'ac02' + '016b' + '0203' + '016d' + '00' + '0500';
    expect(Buffer.from(token.subarray(0, -4)).toString('hex')).toBe(body);
    expect(Buffer.from(token).readUInt32LE(token.length - 4)).toBe(crc32(Buffer.from(body, 'hex')));
  });

  it('says what was put into it', () => {
    const cuts = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 5 }), {
      selector: (key) => Buffer.from(key).toString('hex'),
      maxLength: 6,
    });
    const numbers = fc.record({
      partitionId: fc.maxSafeNat(),
      epochVersion: fc.maxSafeNat(),
      revision: fc.maxSafeNat(),
      lastKey: fc.uint8Array({ maxLength: 200 }),
    });
    fc.assert(
      fc.property(
        cuts,
        fc.array(numbers, { minLength: 7, maxLength: 7 }),
        fc.constantFrom(none, cluster),
        fc.boolean(),
        (unsorted, fields, clusterId, withGaps) => {
          const ends = unsorted.sort((a, b) => Buffer.compare(a, b));
          const starts = [none, ...ends];
          const all = starts.map((start, at) => ({
            ...(fields[at] as (typeof fields)[number]),
            start: new Uint8Array(start),
            end: new Uint8Array(ends[at] ?? none),
          }));
          const pieces = withGaps && all.length > 2 ? [all[0]!, ...all.slice(2)] : all;
          const token = encodeWatchToken({ clusterId, pieces });
          expect(decodeWatchToken(token, cluster)).toEqual({ clusterId, pieces });
        },
      ),
    );
  });

  it('is no view of the bytes that it came in', () => {
    const message = new Uint8Array(
      encodeWatchToken({ clusterId: cluster, pieces: [piece('a', 'b', 1, 'a')] }),
    );
    const token = decodeWatchToken(message, none);
    message.fill(0);
    expect(token).toEqual({ clusterId: cluster, pieces: [piece('a', 'b', 1, 'a')] });
  });

  it('is refused with a flipped bit, shorter or longer', () => {
    const token = encodeWatchToken({ clusterId: cluster, pieces: [piece('a', '', 7, 'abc')] });
    for (let bit = 0; bit < token.length * 8; bit++) {
      const damaged = new Uint8Array(token);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(refusal(damaged).code).toBe('DOUG_INVALID_ARGUMENT');
    }
    for (let length = 0; length < token.length; length++) {
      expect(refusal(token.subarray(0, length)).code).toBe('DOUG_INVALID_ARGUMENT');
    }
    expect(refusal(new Uint8Array([...token, 0])).code).toBe('DOUG_INVALID_ARGUMENT');
  });

  it('is refused as garbage, whatever the garbage is, with a checksum that fits or without', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        expect(refusal(garbage, none).code).toBe('DOUG_INVALID_ARGUMENT');
        const framed = sealed(new Uint8Array([0x57, 1, ...garbage, 0, 0, 0, 0]));
        try {
          const token = decodeWatchToken(framed, none);
          // Whatever is taken is in order, so that it can be given out again.
          expect(decodeWatchToken(encodeWatchToken(token), none)).toEqual(token);
        } catch (error) {
          expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
        }
      }),
    );
  });

  it('tells the version of a token that another version made', () => {
    const token = encodeWatchToken({ clusterId: none, pieces: [piece('', '', 7)] });
    token[1] = 2;
    const error = refusal(sealed(token));
    expect([error.code, error.message]).toEqual([
      'DOUG_INVALID_ARGUMENT',
      'the token of the watch cannot be used: it has version 2, known here is version 1',
    ]);
  });

  it('is refused in another cluster, and taken where none is known', () => {
    const token = encodeWatchToken({ clusterId: cluster, pieces: [piece('', '', 7)] });
    expect(refusal(token, new Uint8Array(16).fill(8)).code).toBe('DOUG_CLUSTER_MISMATCH');
    expect(decodeWatchToken(token, none).pieces).toHaveLength(1);
  });

  it.each([
    ['no piece', []],
    ['an empty range', [piece('b', 'b', 1)]],
    ['a range that ends before it begins', [piece('b', 'a', 1)]],
    ['ranges that overlap', [piece('a', 'c', 1), piece('b', 'd', 1)]],
    ['a range behind the last key', [piece('a', '', 1), piece('b', '', 1)]],
    ['ranges in disorder', [piece('c', 'd', 1), piece('a', 'b', 1)]],
  ])('is refused with %s', (_what, pieces) => {
    const token = encodeWatchToken({ clusterId: none, pieces });
    expect(refusal(token).code).toBe('DOUG_INVALID_ARGUMENT');
  });
});
