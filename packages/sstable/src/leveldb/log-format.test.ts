import fc from 'fast-check';
import { bytes, text } from '../../test/support/entries.js';
import { writeU32 } from '../encoding/internal-key.js';
import { crc32c, masked } from './crc32c.js';
import { decodeLog, encodeLog } from './log-format.js';

const BLOCK = 32 * 1024;

function texts(log: Uint8Array): string[] {
  return decodeLog(log, '/000001.log').records.map((record) => text(record.bytes));
}

describe("LevelDB's log format", () => {
  it('gives its records back, whatever their lengths', () => {
    const length = fc.oneof(
      fc.nat(50),
      fc.integer({ min: BLOCK - 30, max: BLOCK + 30 }),
      fc.integer({ min: 3 * BLOCK - 30, max: 3 * BLOCK }),
    );
    fc.assert(
      fc.property(fc.array(length, { maxLength: 8 }), (lengths) => {
        const records = lengths.map((n, i) => new Uint8Array(n).fill(i + 1));
        const { records: read, tail } = decodeLog(encodeLog(records), '/000001.log');
        expect([read.length, tail]).toEqual([records.length, 'clean']);
        // Not toEqual, which takes seconds for so many bytes.
        expect(read.every(({ bytes: got }, i) => Buffer.compare(got, records[i]!) === 0)).toBe(
          true,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('has the bytes of a known log', () => {
    // One record 'foo': masked CRC-32C of type and bytes, length, type 1.
    expect([...encodeLog([bytes('foo')])].slice(4)).toEqual([3, 0, 1, ...bytes('foo')]);
    expect(encodeLog([new Uint8Array(0)])).toHaveLength(7);
    expect(encodeLog([])).toHaveLength(0);
  });

  it('fills the end of a block with zeros where no header fits, and begins a record in the next', () => {
    for (let left = 0; left <= 8; left++) {
      const log = encodeLog([new Uint8Array(BLOCK - 7 - left).fill(7), bytes('next')]);
      expect(texts(log)[1]).toBe('next');
      if (left < 7) expect(log).toHaveLength(BLOCK + 7 + 4);
    }
  });

  it('leaves a last record out that was cut off, wherever, and says so', () => {
    const whole = encodeLog([bytes('one'), new Uint8Array(BLOCK + 100).fill(2)]);
    const first = 7 + 3;
    for (const end of [first + 1, first + 6, first + 7, BLOCK - 1, BLOCK + 3, whole.length - 1]) {
      const { records, tail } = decodeLog(whole.subarray(0, end), '/000001.log');
      expect([records.map(({ bytes: record }) => text(record)), tail]).toEqual([['one'], 'torn']);
    }
    // Cut behind a whole fragment: the record has begun and has no end.
    expect(decodeLog(whole.subarray(0, BLOCK), '/000001.log').tail).toBe('torn');
  });

  it('takes zeros behind the last record for space that was not written', () => {
    const log = new Uint8Array(100);
    log.set(encodeLog([bytes('one')]));
    expect(decodeLog(log, '/000001.log')).toMatchObject({ tail: 'clean' });
    log[60] = 1;
    expect(() => decodeLog(log, '/000001.log')).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', offset: 60 }),
    );
  });

  it('refuses everything else that is not whole, with file and offset', () => {
    const log = encodeLog([bytes('one'), bytes('two')]);
    for (let at = 0; at < log.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = log.slice();
        damaged[at]! ^= 1 << bit;
        let read: ReturnType<typeof decodeLog>;
        try {
          read = decodeLog(damaged, '/000001.log');
        } catch (error) {
          expect(error).toMatchObject({ code: 'SST_CORRUPT', file: '/000001.log' });
          continue;
        }
        // Only the length of the last record may look as if it had been cut off.
        expect([read.tail, read.records.length]).toEqual(['torn', 1]);
        expect([14, 15]).toContain(at);
      }
    }
  });

  it.each([
    ['a middle without a beginning', [3]],
    ['an end without a beginning', [4]],
    ['a beginning without an end', [2, 1]],
    ['an unknown type', [5]],
  ])('refuses %s', (_, types) => {
    const parts = types.map((type) => {
      const log = encodeLog([bytes('x')]);
      log[6] = type;
      return fixed(log);
    });
    const log = Uint8Array.from(parts.flatMap((part) => [...part]));
    expect(() => decodeLog(log, '/000001.log')).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT' }),
    );
  });

  it('is right or refused, whatever stands in it', () => {
    const good = encodeLog([bytes('one'), bytes('two'), bytes('three')]);
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const damaged = change.map((changes) => {
      const log = good.slice();
      for (const [at, byte] of changes) log[at % log.length] = byte;
      return log;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 100 })), (log) => {
        try {
          const read = texts(log);
          expect(['one', 'two', 'three'].slice(0, read.length)).toEqual(read);
        } catch (error) {
          expect(error).toMatchObject({ code: 'SST_CORRUPT', file: '/000001.log' });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

/** A fragment with a right checksum again. */
function fixed(log: Uint8Array): Uint8Array {
  const crc = masked(crc32c(log, 6, log.length));
  writeU32(log, 0, crc);
  return log;
}
