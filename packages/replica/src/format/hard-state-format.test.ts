import fc from 'fast-check';
import { codeOf } from '../error-code.js';
import { decodeHardState, encodeHardState, HARD_STATE_BYTES } from './hard-state-format.js';

const codeOfDecoding = (id: number, value: Uint8Array): unknown => {
  try {
    decodeHardState(id, value);
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

describe('hard state format', () => {
  it('has these bytes', () => {
    const value = encodeHardState(3, { term: 5, vote: 2, counter: 9 });
    expect(Buffer.from(value).toString('hex')).toBe(
      '01' + '0500000000000000' + '0200000000000000' + '0900000000000000' + 'cc701146',
    );
    expect(value).toHaveLength(HARD_STATE_BYTES);
  });

  it('gives back what was put in', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        (id, term, vote, counter) => {
          const state = { term, vote, counter };
          expect(decodeHardState(id, encodeHardState(id, state))).toEqual(state);
        },
      ),
    );
  });

  it('refuses every changed byte, every other length and every other replica', () => {
    const value = encodeHardState(3, { term: 5, vote: 2, counter: 9 });
    for (let at = 0; at < value.length; at++) {
      const damaged = value.slice();
      damaged[at]! ^= 1;
      expect(codeOfDecoding(3, damaged)).toBe('REPLICA_HARD_STATE');
    }
    for (let size = 0; size < value.length; size++) {
      expect(codeOfDecoding(3, value.subarray(0, size))).toBe('REPLICA_HARD_STATE');
    }
    expect(codeOfDecoding(3, new Uint8Array([...value, 0]))).toBe('REPLICA_HARD_STATE');
    expect(codeOfDecoding(4, value)).toBe('REPLICA_HARD_STATE');
  });
});
