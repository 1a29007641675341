import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { bytes } from '../../test/support/entries.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { compress, decompress } from './compression.js';

const damage = (message: string) =>
  expect.objectContaining({
    code: 'SST_CORRUPT',
    file: '/t.sst',
    offset: 4096,
    message: expect.stringContaining(message),
  });

/** A packed block that says it holds `size` bytes. */
function packed(size: number, stream: Uint8Array): Uint8Array {
  return new ByteWriter().uvarint(size).raw(stream).finish();
}

describe('a compressed block', () => {
  it('gives its contents back', () => {
    const contents = fc
      .array(fc.constantFrom('key', 'value', '0000', '\u00ff'), { minLength: 30, maxLength: 400 })
      .map((parts) => bytes(parts.join('')));
    fc.assert(
      fc.property(contents, (given) => {
        const block = compress(given, given.length, 5);
        expect(block).not.toBeNull();
        const unpacked = decompress(block?.subarray(0, -5) ?? given, '/t.sst', 4096);
        expect(unpacked).toEqual(given);
      }),
    );
  });

  it('is not made of what does not shrink', () => {
    let x = 1;
    const noise = Uint8Array.from({ length: 4096 }, () => {
      x = Math.imul(x, 1_103_515_245) + 12_345;
      return x >>> 16;
    });
    expect(compress(noise, noise.length, 5)).toBeNull();
    expect(compress(new Uint8Array(0), 0, 5)).toBeNull();
  });

  it('is not believed when it claims more than its stream can hold, and takes no memory for it', () => {
    const stream = deflateRawSync(new Uint8Array(10));
    expect(() => decompress(packed(2 ** 40, stream), '/t.sst', 4096)).toThrow(
      damage('cannot hold'),
    );
    expect(() => decompress(packed(stream.length * 1033, stream), '/t.sst', 4096)).toThrow(
      damage('cannot hold'),
    );
  });

  it('is refused when it holds more than it claims: a bomb is stopped at the claim', () => {
    const bomb = deflateRawSync(new Uint8Array(50 * 1024 * 1024));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decompress(packed(4096, bomb), '/t.sst', 4096)).toThrow(damage('be inflated'));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5 * 1024 * 1024);
  });

  it.each([
    ['less than it claims', packed(11, deflateRawSync(new Uint8Array(10))), 'has 10 bytes'],
    ['nothing', new Uint8Array(0), 'does not say its size'],
    ['no end of its size', Uint8Array.of(0x80, 0x80), 'does not say its size'],
    ['no stream', packed(0, new Uint8Array(0)), 'cannot be inflated'],
    ['garbage', packed(3, Uint8Array.of(0xff, 0xff, 0xff)), 'cannot be inflated'],
    [
      'a stream that is cut off',
      packed(10, deflateRawSync(new Uint8Array(10)).subarray(0, -1)),
      'be inflated',
    ],
    [
      'bytes behind the end of its stream',
      packed(10, Buffer.concat([deflateRawSync(new Uint8Array(10)), Buffer.of(0)])),
      'behind its end',
    ],
  ])('is refused with file and offset when it holds %s', (_, block, message) => {
    expect(() => decompress(block, '/t.sst', 4096)).toThrow(damage(message));
  });

  it('is right or refused, whatever stands in it', () => {
    const good = compress(bytes('abc'.repeat(100)), 300, 0) ?? new Uint8Array(0);
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    const damaged = change.map((changes) => {
      const block = good.slice();
      for (const [at, byte] of changes) block[at % block.length] = byte;
      return block;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (block) => {
        try {
          decompress(block, '/t.sst', 4096);
        } catch (error) {
          expect(error).toMatchObject({ code: 'SST_CORRUPT', offset: 4096 });
        }
      }),
      { numRuns: 500 },
    );
  });
});
