// Scans of everything, both ways, and short ones from random keys, over tables whose blocks are cached.

import { compare, expectAll } from './support/compare.mjs';
import { keyInto, newKey, shuffled } from './support/data.mjs';
import { classicLevel, lmdb, oursInTables } from './support/engines.mjs';
import { KEY_BYTES } from './support/options.mjs';

const SEEKS = 3000;
const STEPS = 10;

export async function benchScan(dir, entries, value) {
  const ours = await oursInTables(`${dir}/tables`, entries, value);
  const level = await classicLevel(`${dir}/level`, entries, value);
  const map = lmdb(`${dir}/lmdb`, entries, value);
  for (const reverse of [false, true]) {
    await compare(
      `full scan, ${reverse ? 'backward' : 'forward'}`,
      [
        ['sstable', () => scanOurs(ours, entries, reverse)],
        ['classic-level nextv(1000)', () => scanLevel(level, entries, reverse)],
        ['lmdb getRange', () => scanLmdb(map, entries, reverse)],
      ],
      'entries',
    );
  }
  await compare(`seek to a random key, ${STEPS} entries`, [
    ['sstable', () => seekOurs(ours, entries)],
    ['classic-level nextv', () => seekLevel(level, entries)],
    ['lmdb getRange', () => seekLmdb(map, entries)],
  ]);
  for (const db of [ours, level, map]) await db.close();
}

function scanOurs(db, entries, reverse) {
  const iterator = db.iterator({ reverse });
  let count = 0;
  let bytes = 0;
  while (iterator.next()) {
    bytes += iterator.key().length + iterator.value().length;
    count++;
  }
  iterator.close();
  expectAll(count, entries, 'entries');
  if (bytes === 0) throw new Error('empty entries');
  return count;
}

async function scanLevel(db, entries, reverse) {
  const iterator = db.iterator({ reverse });
  let count = 0;
  let bytes = 0;
  for (;;) {
    const some = await iterator.nextv(1000);
    if (some.length === 0) break;
    for (const [key, value] of some) bytes += key.length + value.length;
    count += some.length;
  }
  await iterator.close();
  expectAll(count, entries, 'entries');
  if (bytes === 0) throw new Error('empty entries');
  return count;
}

function scanLmdb(db, entries, reverse) {
  let count = 0;
  let bytes = 0;
  for (const { key, value } of db.getRange({ reverse })) {
    bytes += key.length + value.length;
    count++;
  }
  expectAll(count, entries, 'entries');
  if (bytes === 0) throw new Error('empty entries');
  return count;
}

function seekOurs(db, entries) {
  const key = new Uint8Array(KEY_BYTES);
  let steps = 0;
  for (let i = 0; i < SEEKS; i++) {
    keyInto(key, shuffled(i, entries));
    const iterator = db.iterator({ start: key });
    for (let n = 0; n < STEPS && iterator.next(); n++) steps += iterator.value().length > 0 ? 1 : 0;
    iterator.close();
  }
  expectEnough(steps);
  return SEEKS;
}

async function seekLevel(db, entries) {
  let steps = 0;
  for (let i = 0; i < SEEKS; i++) {
    const iterator = db.iterator({ gte: newKey(shuffled(i, entries)), limit: STEPS });
    steps += (await iterator.nextv(STEPS)).length;
    await iterator.close();
  }
  expectEnough(steps);
  return SEEKS;
}

function seekLmdb(db, entries) {
  let steps = 0;
  for (let i = 0; i < SEEKS; i++) {
    const start = newKey(shuffled(i, entries));
    for (const { value } of db.getRange({ start, limit: STEPS })) steps += value.length > 0 ? 1 : 0;
  }
  expectEnough(steps);
  return SEEKS;
}

/** Near the end of the keys a scan is shorter. */
function expectEnough(steps) {
  if (steps < SEEKS * STEPS * 0.9) throw new Error(`only ${steps} steps`);
}
