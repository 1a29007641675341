// Point reads of random keys that are there: from a memtable, and from tables whose blocks are cached.

import { compare, expectAll } from './support/compare.mjs';
import { keyInto, shuffled } from './support/data.mjs';
import { classicLevel, lmdb, oursInMemory, oursInTables } from './support/engines.mjs';
import { KEY_BYTES } from './support/options.mjs';

const READS = 100_000;

export async function benchGet(dir, entries, value) {
  const memory = await oursInMemory(`${dir}/memory`, Math.min(entries, inMemtable(value)), value);
  const small = await classicLevel(
    `${dir}/level-small`,
    Math.min(entries, inMemtable(value)),
    value,
  );
  const inMemory = Math.min(entries, inMemtable(value));
  await compare(`get of a key in memory, ${inMemory} entries`, [
    ['sstable, memtable', () => reads(inMemory, (key) => memory.get(key)?.value, newBytes())],
    ['classic-level getSync', () => reads(inMemory, (key) => small.getSync(key))],
  ]);
  await memory.close();
  await small.close();

  const tables = await oursInTables(`${dir}/tables`, entries, value);
  const twoLevels = await oursInTables(`${dir}/two`, entries, value, { indexBytes: 4096 });
  const level = await classicLevel(`${dir}/level`, entries, value);
  const map = lmdb(`${dir}/lmdb`, entries, value);
  await compare('get from cached tables', [
    ['sstable', () => reads(entries, (key) => tables.get(key)?.value, newBytes())],
    [
      'sstable, two-level index everywhere',
      () => reads(entries, (key) => twoLevels.get(key)?.value, newBytes()),
    ],
    ['classic-level getSync', () => reads(entries, (key) => level.getSync(key))],
    ['lmdb get', () => reads(entries, (key) => map.get(key))],
  ]);
  await compare('get of a key that is not there', [
    ['sstable', () => misses(entries, (key) => tables.get(key) ?? undefined, newBytes())],
    ['classic-level getSync', () => misses(entries, (key) => level.getSync(key))],
    ['lmdb get', () => misses(entries, (key) => map.get(key))],
  ]);
  for (const db of [tables, twoLevels, level, map]) await db.close();
}

/** What this package is made for; the native engines want a Buffer. */
function newBytes() {
  return new Uint8Array(KEY_BYTES);
}

/** So many entries fill a memtable of 64 MiB. */
function inMemtable(value) {
  return Math.floor((64 * 1024 * 1024) / (value.length + KEY_BYTES + 48));
}

function reads(entries, get, key = Buffer.alloc(KEY_BYTES)) {
  let found = 0;
  for (let i = 0; i < READS; i++) {
    if (get(keyInto(key, shuffled(i, entries))) !== undefined) found++;
  }
  expectAll(found, READS, 'gets that found something');
  return READS;
}

function misses(entries, get, key = Buffer.alloc(KEY_BYTES)) {
  let found = 0;
  for (let i = 0; i < READS; i++) {
    keyInto(key, shuffled(i, entries))[KEY_BYTES - 1] ^= 0x55;
    if (get(key) !== undefined) found++;
  }
  expectAll(found, 0, 'gets that found something');
  return READS;
}
