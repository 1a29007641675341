// Rates of a database on a real disk: node packages/sstable/bench/put-get-scan.mjs [DIR] [ENTRIES] [VALUE BYTES]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db } from '@dougdb/sstable';

const parent = process.argv[2] ?? tmpdir();
const entries = Number(process.argv[3] ?? 500_000);
const valueBytes = Number(process.argv[4] ?? 100);
const READS = 300_000;

const dir = mkdtempSync(join(parent, 'sstable-bench-'));
const options = {
  fs: new NodeFs(),
  clock: new NodeClock(),
  random: new NodeRandom(),
  dir: join(dir, 'db'),
  quarantineDir: join(dir, 'quarantine'),
  identity: new Uint8Array(1),
};
const value = new Uint8Array(valueBytes).fill(0x61);
const key = new Uint8Array(16);

/** 16 bytes that look random, the same for the same number. */
function keyOf(n) {
  let x = Math.imul(n + 1, 0x9e3779b9);
  for (let i = 0; i < 16; i += 4) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
    x ^= x >>> 15;
    key[i] = x;
    key[i + 1] = x >>> 8;
    key[i + 2] = x >>> 16;
    key[i + 3] = x >>> 24;
  }
  return key;
}

/** Now, on the clock and in this process's use of the processors: on a shared machine they differ. */
function start() {
  return { wallMs: performance.now(), cpu: process.cpuUsage() };
}

function rate(what, count, begun) {
  const wallUs = (performance.now() - begun.wallMs) * 1000;
  const { user, system } = process.cpuUsage(begun.cpu);
  const perSecond = Math.round((count / wallUs) * 1e6).toLocaleString('en');
  const each = (us) => (us / count).toFixed(2);
  console.log(`${what}: ${perSecond}/s; each ${each(wallUs)} µs, ${each(user + system)} µs of CPU`);
}

function readRandom(what, db) {
  let found = 0;
  const begun = start();
  for (let i = 0; i < READS; i++) if (db.get(keyOf((i * 7919) % entries)) !== null) found++;
  rate(what, READS, begun);
  if (found !== READS) throw new Error(`only ${found} of ${READS} keys were found`);
}

function scan(what, db, iteratorOptions) {
  const begun = start();
  const iterator = db.iterator(iteratorOptions);
  let count = 0;
  let bytes = 0;
  while (iterator.next()) {
    count++;
    bytes += iterator.value().length;
  }
  iterator.close();
  rate(what, count, begun);
  if (bytes !== entries * valueBytes) throw new Error('the scan did not show everything');
}

console.log(`${entries} keys of 16 bytes in random order, values of ${valueBytes} bytes`);
const memtable = await Db.open({
  ...options,
  dir: join(dir, 'memory'),
  cache: new BlockCache(1 << 20),
  memtableBytes: 2 ** 31,
});
let begun = start();
for (let i = 0; i < entries; i++) memtable.put(i + 1, keyOf(i), value);
rate('put, memtable alone', entries, begun);
readRandom('get, memtable', memtable);
scan('scan, memtable', memtable, {});
scan('scan back, memtable', memtable, { reverse: true });
await memtable.close();

let db = await Db.open({ ...options, cache: new BlockCache(512 * 1024 * 1024) });
db.setHistoryFloor(Number.MAX_SAFE_INTEGER);
begun = start();
for (let i = 0; i < entries; i++) {
  db.put(i + 1, keyOf(i), value);
  if (db.wantsFreeze) db.freeze(new Uint8Array(100));
  // As a host would: a turn of the loop now and then, none more while the tables are behind.
  if (i % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  while (db.stalled) await new Promise((resolve) => setImmediate(resolve));
}
db.freeze(new Uint8Array(100));
await db.flushed();
rate('put with flushes and compactions on the same loop', entries, begun);
await db.compact();
rate('the same until no compaction is due', entries, begun);
const { levels, flushes, compactions } = db.stats();
console.log(
  `${flushes} flushes, ${compactions} compactions, tables by level: ${levels.map(({ tables }) => tables).join(' ')}`,
);
scan('scan, tables, cold', db, {});
readRandom('get, tables, cached', db);
scan('scan, tables, cached', db, {});
scan('scan back, tables, cached', db, { reverse: true });
const SEEKS = 50_000;
begun = start();
for (let i = 0; i < SEEKS; i++) {
  const iterator = db.iterator({ start: keyOf((i * 7919) % entries) });
  for (let step = 0; step < 10 && iterator.next(); step++);
  iterator.close();
}
rate('new iterator, seek, 10 entries', SEEKS, begun);
begun = start();
for (let i = 0; i < READS; i++) {
  keyOf(i)[15] ^= 0x55;
  db.get(key);
}
rate('get of keys that are not there', READS, begun);
await db.close();
begun = start();
db = await Db.open({ ...options, cache: new BlockCache(1 << 20) });
console.log(`open: ${(performance.now() - begun.wallMs).toFixed(1)} ms`);
readRandom('get, tables, 1 MiB of cache (page cache of the system)', db);
await db.close();
rmSync(dir, { recursive: true });
