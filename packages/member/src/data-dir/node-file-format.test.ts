import { crc32 } from '@dougdb/ports';
import fc from 'fast-check';
import { decodeNodeFile, encodeNodeFile, type NodeIdentity } from './node-file-format.js';

const uuid = Uint8Array.from({ length: 16 }, (_, at) => at + 1);
const empty: NodeIdentity = { uuid, membership: null };
const joined: NodeIdentity = {
  uuid,
  membership: {
    clusterId: new Uint8Array(16).fill(7),
    nodeId: 3,
    genesis: Uint8Array.of(1, 2, 3),
  },
};

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code: unknown }).code;
  }
  return 'no error';
}

describe('NODE file', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.option(
          fc.record({
            clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
            nodeId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
            genesis: fc.uint8Array({ maxLength: 300 }),
          }),
        ),
        (id, membership) => {
          const identity = { uuid: id, membership };
          expect(decodeNodeFile(encodeNodeFile(identity), 'NODE')).toEqual(identity);
        },
      ),
    );
  });

  it('has the bytes of its specification (golden)', () => {
    const golden =
      '444f55474e4f44450100000030000000' +
      '0102030405060708090a0b0c0d0e0f10' +
      '0107070707070707070707070707070707' +
      '030000000000000003000000010203';
    const hex = Buffer.from(encodeNodeFile(joined)).toString('hex');
    expect(hex.slice(0, -8)).toBe(golden);
    expect(hex.slice(-8)).toBe('a1777c97');
  });

  it('refuses every flipped bit and every other length, naming the file', () => {
    for (const identity of [empty, joined]) {
      const bytes = encodeNodeFile(identity);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = bytes.slice();
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(codeOf(() => decodeNodeFile(damaged, '/d/NODE'))).toBe('MEMBER_CORRUPT');
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(codeOf(() => decodeNodeFile(bytes.subarray(0, length), '/d/NODE'))).toBe(
          'MEMBER_CORRUPT',
        );
      }
      expect(codeOf(() => decodeNodeFile(Uint8Array.of(...bytes, 0), '/d/NODE'))).toBe(
        'MEMBER_CORRUPT',
      );
      expect(() => decodeNodeFile(new Uint8Array(bytes.length), '/d/NODE')).toThrow('/d/NODE');
    }
  });

  it('tells a newer format from damage', () => {
    const newer = encodeNodeFile(empty);
    newer[8] = 2;
    expect(codeOf(() => decodeNodeFile(newer, 'NODE'))).toBe('MEMBER_CORRUPT');

    const at = newer.length - 4;
    new DataView(newer.buffer).setUint32(at, crc32(newer, 0, 0, at), true);
    expect(codeOf(() => decodeNodeFile(newer, 'NODE'))).toBe('MEMBER_NEWER_FORMAT');
  });
});
