import fc from 'fast-check';
import { bytesOf } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { decodeKeptResult, encodeKeptResult, keptResultBytes } from './kept-result-format.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const codeOfDecoding = (bytes: Uint8Array): unknown => {
  try {
    decodeKeptResult(bytes);
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

describe('a result as a session keeps it', () => {
  it('has these bytes', () => {
    expect(hex(encodeKeptResult({ previousRevision: 0, previousValue: null }))).toBe(
      '000000000000000000',
    );
    expect(hex(encodeKeptResult({ previousRevision: 0x0102, previousValue: bytesOf('ab') }))).toBe(
      '0102010000000000006162',
    );
    expect(hex(encodeKeptResult({ operation: bytesOf('ab') }))).toBe('026162');
    expect(hex(encodeKeptResult({ operation: bytesOf('') }))).toBe('02');
  });

  it('gives back what was put in, an empty value too, as a copy', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.option(fc.uint8Array({ maxLength: 40 })),
        (previousRevision, previousValue) => {
          const result = { previousRevision, previousValue };
          const bytes = encodeKeptResult(result);
          expect(bytes).toHaveLength(keptResultBytes(result));
          const again = decodeKeptResult(bytes);
          bytes.fill(0xff);
          expect(again).toEqual(result);
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (operation) => {
        const bytes = encodeKeptResult({ operation });
        expect(bytes).toHaveLength(keptResultBytes({ operation }));
        const again = decodeKeptResult(bytes);
        bytes.fill(0xff);
        expect(again).toEqual({ operation });
      }),
    );
  });

  it('refuses what it would not have written', () => {
    const good = encodeKeptResult({ previousRevision: 7, previousValue: null });
    expect(codeOfDecoding(good)).toBeNull();
    const bad = [
      good.subarray(0, 8),
      new Uint8Array([...good, 0]),
      good.with(0, 3),
      good.with(0, 1).with(1, 0),
      good.with(8, 0xff),
      new Uint8Array(0),
    ];
    for (const bytes of bad) expect(codeOfDecoding(bytes)).toBe('REPLICA_STATE_CORRUPT');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (garbage) => {
        expect([null, 'REPLICA_STATE_CORRUPT']).toContain(codeOfDecoding(garbage));
      }),
    );
  });
});
