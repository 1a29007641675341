import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { aKey, anOpId, aPutLook, aSmallValue, blindPut } from '../test/arbitraries.js';
import { join, mutated } from '../test/mutation.js';
import { checkRequestBytes, decodeRequest, decodeWhole } from './decode-request.js';
import { PutRequest, ScanRequest } from './gen/dougdb/v1/doug.js';
import { limits } from './limits.js';

const context = { clusterId: new Uint8Array(16), partitionId: 7, epochVersion: 2 };
const aPut: fc.Arbitrary<PutRequest> = fc
  .tuple(
    fc.record({
      context: fc.constant(context),
      opId: fc.option(anOpId, { nil: undefined }),
      key: aKey,
      value: aSmallValue,
    }),
    aPutLook,
  )
  .map(([put, look]) => ({ ...put, ...look }));
const put = PutRequest.encode({
  context,
  opId: { session: new Uint8Array(16), startedAt: 1, seq: 2, firstIncomplete: 1 },
  key: Uint8Array.of(1),
  value: Uint8Array.of(2),
  ...blindPut,
}).finish();

const field = (build: (writer: BinaryWriter) => BinaryWriter): Uint8Array =>
  build(new BinaryWriter()).finish();

describe('decodeRequest', () => {
  it('decodes what was encoded', () => {
    fc.assert(
      fc.property(aPut, (message) => {
        const bytes = PutRequest.encode(message).finish();
        const decoded = decodeRequest(PutRequest, bytes);
        expect(Buffer.compare(PutRequest.encode(decoded).finish(), bytes)).toBe(0);
        expect(decoded.key.buffer).toBe(bytes.buffer);
      }),
    );
  });

  it('takes an empty message', () => {
    expect(decodeRequest(ScanRequest, new Uint8Array(0))).toMatchObject({
      limit: 0,
      reverse: false,
    });
  });

  const bad: [string, Uint8Array, string][] = [
    [
      'an unknown field',
      join(
        put,
        field((w) => w.uint32(0x3a).string('new')),
      ),
      'unknown field 7',
    ],
    [
      'a known field of the wrong type',
      join(put, Uint8Array.of(0x18, 1)),
      'unknown field 3 or wrong wire type',
    ],
    [
      'an unknown field inside',
      field((w) => w.uint32(0x0a).bytes(Uint8Array.of(0x40, 1))),
      'unknown field 8',
    ],
    [
      'an integer of 2^53',
      field((w) =>
        w
          .uint32(0x0a)
          .fork()
          .uint32(0x10)
          .uint64(2n ** 53n)
          .join(),
      ),
      'malformed',
    ],
    [
      'a negative integer',
      field((w) => w.uint32(0x0a).fork().uint32(0x10).int64(-1n).join()),
      'malformed',
    ],
    ['a cut message', put.subarray(0, put.length - 1), 'malformed'],
    ['field 0, and what is behind it', join(put, Uint8Array.of(0, 1, 2)), 'malformed'],
    ['an end of a group', join(put, Uint8Array.of(0x0c, 1)), 'malformed'],
    ['a group', Uint8Array.of(0x0b), 'malformed'],
    ['60,000 nested groups', new Uint8Array(60_000).fill(0x3b), 'malformed'],
  ];
  it.each(bad)('refuses %s', (_what, bytes, message) => {
    const error = attempt(() => decodeRequest(PutRequest, bytes));
    expect(error).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      outcome: 'NOT_APPLIED',
      message: expect.stringContaining(message),
    });
  });

  it('answers mutated requests with a message or INVALID_ARGUMENT, never with anything else', () => {
    const requests = aPut.map((message) => PutRequest.encode(message).finish());
    fc.assert(
      fc.property(mutated(requests), (bytes) => {
        const result = attempt(() => decodeRequest(PutRequest, bytes));
        if (!('key' in result)) expect(result).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
      }),
      { numRuns: 4000 },
    );
  });

  it('refuses a message over the limit before it looks into it', () => {
    const bytes = new Uint8Array(limits.requestBytes + 1);
    expect(attempt(() => decodeRequest(PutRequest, bytes))).toMatchObject({
      code: 'DOUG_TOO_LARGE',
    });
    expect(
      attempt(() => decodeRequest(PutRequest, put, { ...limits, requestBytes: 3 })),
    ).toMatchObject({
      code: 'DOUG_TOO_LARGE',
      message: `request of ${put.length} bytes is over the limit of 3`,
    });
    expect(() => checkRequestBytes(new Uint8Array(limits.requestBytes))).not.toThrow();
  });
});

describe('decodeWhole', () => {
  it('leaves unknown fields to its caller', () => {
    const bytes = join(
      put,
      field((w) => w.uint32(0x3a).string('new')),
    );
    expect(decodeWhole(PutRequest, bytes).key).toEqual(Uint8Array.of(1));
  });
});

function attempt<T extends object>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}
