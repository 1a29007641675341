import fc from 'fast-check';
import { codeOf } from '../error-code.js';
import { expiresAtOf, storedValue, userValueOf, userVersionOf } from './stored-value.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('a value as the database holds it', () => {
  it('has these bytes with a time, and is the value without one', () => {
    expect(hex(storedValue(Uint8Array.of(0xab, 0xcd), 0x1f_0203_0405_0607))).toBe(
      '0706050403021f00abcd',
    );
    const plain = { value: Uint8Array.of(1, 2, 3), marked: false };
    expect([expiresAtOf(plain), userValueOf(plain)]).toEqual([0, plain.value]);
  });

  it('gives back what was put in', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 2 ** 53 - 1 }), (value, expiresAt) => {
        const version = { value: storedValue(value, expiresAt), marked: true };
        expect([expiresAtOf(version), userValueOf(version)]).toEqual([expiresAt, value]);
        expect(userVersionOf({ ...version, sequence: 7 }, 'value')).toEqual({
          value,
          revision: 7,
          expiresAt,
        });
      }),
    );
  });

  it('says neither value nor time of a version that was read without its value', () => {
    const found = { value: new Uint8Array(0), marked: true, sequence: 7 };
    expect(userVersionOf(found, 'key')).toEqual({
      value: new Uint8Array(0),
      revision: 7,
      expiresAt: 0,
    });
  });

  it('refuses a mark before anything but a log time', () => {
    const bad = [
      new Uint8Array(0),
      new Uint8Array(7),
      new Uint8Array(8),
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0x20, 0),
      new Uint8Array(8).fill(0xff),
    ];
    for (const value of bad) {
      let code: unknown = null;
      try {
        expiresAtOf({ value, marked: true });
      } catch (error) {
        code = codeOf(error);
      }
      expect(code).toBe('REPLICA_STATE_CORRUPT');
    }
  });
});
