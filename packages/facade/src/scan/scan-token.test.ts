import { crc32 } from '@dougdb/ports';
import { SimRandom } from '@dougdb/ports/sim';
import { DougError, limits } from '@dougdb/rpc-proto';
import { decodeScanToken, encodeScanToken, type ScanToken } from './scan-token.js';

const clusterId = new Uint8Array(16).fill(0xc1);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const token: ScanToken = {
  partitionId: 2,
  epochVersion: 1,
  revision: 300,
  start: bytes('b'),
  end: bytes('dd'),
  reverse: true,
};

/** What a forger makes who knows the format. */
function forged(change: (bytes: Uint8Array, view: DataView) => void, of = token): Uint8Array {
  const made = encodeScanToken(of, clusterId);
  const view = new DataView(made.buffer);
  change(made, view);
  view.setUint32(made.length - 4, crc32(made, crc32(clusterId), 0, made.length - 4), true);
  return made;
}

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (DougError.is(error)) return `${error.reason} ${error.outcome}`;
    throw error;
  }
  return 'taken';
}

const refused = 'INVALID_ARGUMENT NOT_APPLIED';

describe('the token of a scan', () => {
  it('has these bytes', () => {
    const hex = Buffer.from(encodeScanToken(token, clusterId)).toString('hex');
    expect(hex).toBe(
      [
        ...['01', '01', '0200000000000000', '0100000000000000', '2c01000000000000'],
        ...['0100', '62', '0200', '6464', '3eb55d26'],
      ].join(''),
    );
  });

  it.each<[string, Partial<ScanToken>]>([
    ['as it is', {}],
    ['without bounds', { start: new Uint8Array(0), end: new Uint8Array(0) }],
    ['forwards', { reverse: false }],
    ['with large numbers', { revision: 2 ** 53 - 1, partitionId: 2 ** 40, epochVersion: 0 }],
    ['with the longest keys', { start: new Uint8Array(8192), end: new Uint8Array(8192).fill(255) }],
  ])('comes back %s', (_what, more) => {
    const made = { ...token, ...more };
    expect(decodeScanToken(encodeScanToken(made, clusterId), clusterId)).toEqual(made);
  });

  it('belongs to its cluster', () => {
    const made = encodeScanToken(token, clusterId);
    expect(reasonOf(() => decodeScanToken(made, new Uint8Array(16)))).toBe(refused);
  });

  it('keeps no view of what it was read from', () => {
    const made = encodeScanToken(token, clusterId);
    const read = decodeScanToken(made, clusterId);
    made.fill(0);
    expect(read).toEqual(token);
  });

  it('is refused with any bit of it turned, and at any other length', () => {
    const made = encodeScanToken(token, clusterId);
    for (let bit = 0; bit < made.length * 8; bit++) {
      const bad = made.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(reasonOf(() => decodeScanToken(bad, clusterId))).toBe(refused);
    }
    for (let length = 0; length < made.length; length++) {
      expect(reasonOf(() => decodeScanToken(made.slice(0, length), clusterId))).toBe(refused);
    }
    const longer = new Uint8Array([...made, 0]);
    expect(reasonOf(() => decodeScanToken(longer, clusterId))).toBe(refused);
  });

  it.each<[string, (bytes: Uint8Array, view: DataView) => void]>([
    ['an unknown version', (made) => void made.fill(2, 0, 1)],
    ['an unknown flag', (made) => void made.fill(2, 1, 2)],
    ['no partition', (made) => void made.fill(0, 2, 10)],
    ['a revision of 2^53', (_made, view) => view.setUint32(22, 2 ** 21, true)],
    ['a start that is longer than the rest', (_made, view) => view.setUint16(26, 60_000, true)],
    ['an end that is longer than the rest', (_made, view) => view.setUint16(29, 9, true)],
    ['an end that is shorter than the rest', (_made, view) => view.setUint16(29, 1, true)],
    ['a start behind its end', (made) => void made.fill(0x7a, 28, 29)],
  ])('is refused with %s, checksum or not', (_what, change) => {
    expect(reasonOf(() => decodeScanToken(forged(change), clusterId))).toBe(refused);
  });

  it('is refused with a bound that is no key', () => {
    const start = new Uint8Array(limits.keyBytes + 1);
    const made = encodeScanToken({ ...token, start }, clusterId);
    expect(reasonOf(() => decodeScanToken(made, clusterId))).toBe(refused);
  });

  it('is never anything but good or refused, whatever the bytes are', () => {
    const seed = process.env.SEED ?? '1';
    const random = new SimRandom(`scan-token/${seed}`);
    const outcomes = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const made = forged((all) => {
        for (let n = Math.floor(random.next() * 4); n >= 0; n--) {
          all[Math.floor(random.next() * all.length)] = Math.floor(random.next() * 256);
        }
      });
      outcomes.add(reasonOf(() => decodeScanToken(made, clusterId)));
    }
    // SEED=1 npx jest --selectProjects facade -t 'whatever the bytes are'
    expect([seed, [...outcomes].sort()]).toEqual([seed, [refused, 'taken']]);
  });
});
