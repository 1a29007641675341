// The engines that are compared, each filled with the same entries and ready to be read. All of them are
// as they are by default but for a cache that holds everything: what is compared is code, not disks.
import { mkdirSync } from 'node:fs';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db } from '@dougdb/sstable';
import { ClassicLevel } from 'classic-level';
import { open as openLmdb } from 'lmdb';
import { keyInto, newKey } from './data.mjs';
import { KEY_BYTES } from './options.mjs';

const CACHE_BYTES = 1024 * 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

export function openOurs(dir, options = {}) {
  return Db.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir,
    quarantineDir: `${dir}-quarantine`,
    identity: new Uint8Array(1),
    cache: new BlockCache(CACHE_BYTES),
    ...options,
  });
}

/** Entries in tables, compacted as far as they can be, as those of classic-level are. */
export async function oursInTables(dir, count, value, options = {}) {
  const db = await openOurs(dir, options);
  const key = new Uint8Array(KEY_BYTES);
  db.setHistoryFloor(Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < count; i++) {
    db.put(i + 1, keyInto(key, i), value);
    if (db.wantsFreeze) db.freeze(new Uint8Array(8));
    if (i % 256 === 0) await turn();
    while (db.stalled) await turn();
  }
  db.freeze(new Uint8Array(8));
  await db.flushed();
  await db.compactRange();
  return db;
}

/** Entries in one memtable. */
export async function oursInMemory(dir, count, value) {
  const db = await openOurs(dir, { memtableBytes: 2 ** 31 });
  const key = new Uint8Array(KEY_BYTES);
  for (let i = 0; i < count; i++) db.put(i + 1, keyInto(key, i), value);
  return db;
}

export async function openClassicLevel(dir, options = {}) {
  const db = new ClassicLevel(dir, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: CACHE_BYTES,
    ...options,
  });
  await db.open();
  return db;
}

export async function classicLevel(dir, count, value) {
  const db = await openClassicLevel(dir);
  for (let i = 0; i < count; i += 1000) {
    const batch = [];
    for (let n = i; n < Math.min(count, i + 1000); n++) {
      batch.push({ type: 'put', key: newKey(n), value });
    }
    await db.batch(batch);
  }
  await db.compactRange(Buffer.alloc(0), Buffer.alloc(KEY_BYTES + 1, 255));
  return db;
}

export function openLmdbAt(dir, options = {}) {
  mkdirSync(dir, { recursive: true });
  return openLmdb({
    path: dir,
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize: 16 * 1024 * 1024 * 1024,
    ...options,
  });
}

export function lmdb(dir, count, value) {
  const db = openLmdbAt(dir);
  for (let i = 0; i < count; i += 1000) {
    db.transactionSync(() => {
      for (let n = i; n < Math.min(count, i + 1000); n++) db.putSync(newKey(n), value);
    });
  }
  return db;
}
