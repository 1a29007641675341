import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeClock } from '@dougdb/ports/node';
import { LmdbHardState } from './lmdb-hard-state.js';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'doug-lmdb-')), 'raft-meta');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const value = (byte: number): Uint8Array => new Uint8Array(40).fill(byte);

function flipped(image: Buffer, at: number, mask = 0x10): Buffer {
  const copy = Buffer.from(image);
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
}

describe('hard states in lmdb', () => {
  it('are empty at first', async () => {
    const store = await LmdbHardState.open(dir);
    expect(store.get(101)).toBeNull();
    expect(store.replicaIds()).toEqual([]);
    await store.close();
  });

  it('are kept whole, also over a restart', async () => {
    const store = await LmdbHardState.open(dir);
    await Promise.all([store.put(101, value(1)), store.put(300_000_000_001, value(2))]);
    await store.put(101, value(3));
    await store.close();
    const again = await LmdbHardState.open(dir);
    expect(again.get(101)).toEqual(value(3));
    expect(again.get(300_000_000_001)).toEqual(value(2));
    expect(again.replicaIds()).toEqual([101, 300_000_000_001]);
    await again.close();
  });

  it('hand out bytes that are the caller’s, and copy what they take', async () => {
    const store = await LmdbHardState.open(dir);
    const bytes = value(1);
    const written = store.put(101, bytes);
    bytes.fill(9);
    await written;
    store.get(101)?.fill(7);
    expect(store.get(101)).toEqual(value(1));
    await store.close();
  });

  it('are on the disk when a put resolves: another process would find them', async () => {
    const store = await LmdbHardState.open(dir);
    await store.put(101, value(0xab));
    const image = readFileSync(join(dir, 'data.mdb'));
    expect(image.includes(Buffer.from(value(0xab)))).toBe(true);
    await store.close();
  });

  it('of all replicas that change in one turn of the loop are one commit, and one for the copies', async () => {
    const store = await LmdbHardState.open(dir);
    const clock = new NodeClock();
    // As replicas do: each in a deferred call of its own.
    const turn = (byte: number): Promise<unknown> => {
      const written = Array.from(
        { length: 64 },
        (_, at) =>
          new Promise<void>((resolve, reject) => {
            clock.defer(() => {
              store.put(101 + at, value(byte)).then(resolve, reject);
            });
          }),
      );
      return Promise.all(written);
    };
    await turn(1);
    const before = store.commits;
    expect(before).toBeGreaterThan(0);
    for (let byte = 2; byte <= 6; byte++) await turn(byte);
    // Two for each turn; a machine that stops in the middle of one may need more, never one for each replica.
    expect(store.commits - before).toBeGreaterThanOrEqual(10);
    expect(store.commits - before).toBeLessThanOrEqual(20);
    expect(store.get(164)).toEqual(value(6));
    await store.close();
  });

  it.each<[string, (image: Buffer) => Buffer]>([
    ['other bytes', () => Buffer.alloc(8192, 0x55)],
    ['a cut file', (image) => image.subarray(0, 5000)],
    ['a few bytes', () => Buffer.from([1, 2, 3])],
    ['a damaged magic', (image) => flipped(image, 24)],
    ['a damaged version', (image) => flipped(image, 28)],
    ['a damaged page size', (image) => flipped(image, 49)],
    ['a damaged page size of the second page', (image) => flipped(image, 4096 + 49)],
  ])('refuse a file that is none of lmdb’s: %s', async (_what, damage) => {
    await (await LmdbHardState.open(dir)).close();
    const file = join(dir, 'data.mdb');
    writeFileSync(file, damage(readFileSync(file)));
    await expect(LmdbHardState.open(dir)).rejects.toMatchObject({
      code: 'HARD_STATE_CORRUPT',
      message: expect.stringContaining(file),
    });
  });

  it('are refused when lmdb does not find its pages any more', async () => {
    const store = await LmdbHardState.open(dir);
    for (let byte = 1; byte <= 5; byte++) await store.put(101, value(byte));
    await store.close();
    const file = join(dir, 'data.mdb');
    const image = readFileSync(file);
    // The root page of the main table, in both meta pages.
    for (const page of [0, 4096]) image.writeBigUInt64LE(77n, page + 136);
    writeFileSync(file, image);
    const again = await LmdbHardState.open(dir);
    const corrupt = expect.objectContaining({ code: 'HARD_STATE_CORRUPT' });
    expect(() => again.get(101)).toThrow(corrupt);
    expect(() => again.replicaIds()).toThrow(corrupt);
    await again.close();
  });

  it('begin anew with a file that was made and never written', async () => {
    await (await LmdbHardState.open(dir)).close();
    writeFileSync(join(dir, 'data.mdb'), Buffer.alloc(8192));
    const store = await LmdbHardState.open(dir);
    await store.put(101, value(1));
    expect(store.get(101)).toEqual(value(1));
    await store.close();
  });

  it('INVARIANT(vote-durable): never come back older, whichever bit of a transaction number is flipped', async () => {
    const store = await LmdbHardState.open(dir);
    for (let byte = 1; byte <= 5; byte++) await store.put(101, value(byte));
    await store.close();
    const file = join(dir, 'data.mdb');
    const image = readFileSync(file);
    // The number of the last transaction, in both meta pages.
    for (const page of [0, 4096]) {
      for (let at = 152; at < 160; at++) {
        for (let bit = 0; bit < 8; bit++) {
          writeFileSync(file, flipped(image, page + at, 1 << bit));
          const again = await LmdbHardState.open(dir);
          expect(again.get(101)).toEqual(value(5));
          await again.close();
        }
      }
    }
  });

  it('reject a put that could not be made', async () => {
    const store = await LmdbHardState.open(dir);
    await store.close();
    await expect(store.put(101, value(1))).rejects.toMatchObject({ code: 'HARD_STATE_FAILED' });
  });
});
