import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache } from '../../src/block-cache.js';
import type { DbOptions } from '../../src/contract.js';
import { Db } from '../../src/db.js';
import { bytes } from './entries.js';

/** A directory on the real disk for one test; gone afterwards. */
export async function inDirectory<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'sstable-test-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export function openReal(dir: string, options: Partial<DbOptions> = {}): Promise<Db> {
  return Db.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir,
    quarantineDir: `${dir}-quarantine`,
    identity: bytes('real'),
    cache: new BlockCache(1024 * 1024),
    ...options,
  });
}

/** Fills a database with versions, deletions and values that compress: `count` keys, flushed and compacted. */
export async function fill(db: Db, count: number): Promise<void> {
  let sequence = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = round; i < count; i += round + 1) {
      const key = bytes(`key/${String(i * 7919).padStart(8, '0')}`);
      sequence++;
      if (i % 13 === 7) db.delete(sequence, key);
      else db.put(sequence, key, bytes(`value ${i} of round ${round} `.repeat(1 + (i % 5))));
    }
    db.freeze(bytes(`H${round}`));
    await db.flushed();
  }
  // An odd key or two.
  db.put(++sequence, new Uint8Array(0), bytes('of the empty key'));
  db.put(++sequence, Uint8Array.of(0, 255, 0), new Uint8Array(0));
  db.freeze(bytes('H3'));
  await db.flushed();
  await db.compact();
}
