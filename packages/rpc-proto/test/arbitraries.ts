import fc from 'fast-check';
import type { DeleteOperation, OpId, PutOperation } from '../src/gen/dougdb/v1/types.js';
import { MAX_TTL_MS } from '../src/limits.js';

/** Safe integers >= 0, with the places where varints grow. */
export const aNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  fc.maxSafeNat(),
  fc.nat(1000),
);

export const aKey: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }),
  fc.constantFrom(1, 31, 32, 33, 127, 128, 8192).map((size) => new Uint8Array(size).fill(0x61)),
);

export const aValue: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 70_000).map((size) => new Uint8Array(size).fill(7)),
);

export const aSmallValue: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 20 });

export const anOpId: fc.Arbitrary<OpId> = fc
  .record({
    session: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    startedAt: aNumber,
    seq: aNumber.map((n) => Math.max(1, n)),
    below: aNumber,
  })
  .map(({ session, startedAt, seq, below }) => ({
    session,
    startedAt,
    seq,
    firstIncomplete: below % (seq + 1),
  }));

const aRevisionOrNone = fc.oneof(fc.constant(0), aNumber);

/** What a put looks at; half of them are blind. */
export const aPutLook: fc.Arbitrary<
  Pick<PutOperation, 'ifRevision' | 'ifAbsent' | 'returnPrevious' | 'ttlMs'>
> = fc
  .record({
    ifRevision: aRevisionOrNone,
    ifAbsent: fc.boolean(),
    returnPrevious: fc.boolean(),
    ttlMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: MAX_TTL_MS })),
  })
  .map((look) => ({ ...look, ifAbsent: look.ifAbsent && look.ifRevision === 0 }));

export const aDeleteLook: fc.Arbitrary<
  Pick<DeleteOperation, 'ifRevision' | 'returnPrevious' | 'returnExisted'>
> = fc.record({
  ifRevision: aRevisionOrNone,
  returnPrevious: fc.boolean(),
  returnExisted: fc.boolean(),
});

export const blindPut = { ifRevision: 0, ifAbsent: false, returnPrevious: false, ttlMs: 0 };
export const blindDelete = { ifRevision: 0, returnPrevious: false, returnExisted: false };
