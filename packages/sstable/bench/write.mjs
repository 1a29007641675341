// Batches of 100 random keys: a burst into memory, and sustained until flushes and compactions have caught up.
// The hosted database keeps no log of its own: its host does. classic-level writes its log without a sync.
import { JobScheduler } from '@dougdb/sstable';
import { TableWorkers } from '@dougdb/sstable/node';
import { compare } from './support/compare.mjs';
import { keyInto, newKey } from './support/data.mjs';
import { openClassicLevel, openLmdbAt, openOurs } from './support/engines.mjs';
import { KEY_BYTES } from './support/options.mjs';

const BATCH = 100;
const turn = () => new Promise((resolve) => setImmediate(resolve));

export async function benchWrite(dir, entries, value) {
  let run = 0;
  const fresh = (name) => `${dir}/${name}-${run++}`;
  const burst = Math.min(entries, 20_000);
  await compare(
    `batch(${BATCH}), a burst of ${burst} entries`,
    [
      ['sstable, no log', () => writeOurs(fresh('ours'), burst, value, 'burst')],
      ['classic-level', () => writeLevel(fresh('level'), burst, value, 'burst')],
      ['lmdb, synced', () => writeLmdb(fresh('lmdb'), burst, value)],
    ],
    'entries',
  );
  // As a node has it: flushes and compactions in threads of their own, as those of classic-level are.
  const workers = new TableWorkers({ threads: 2 });
  const scheduler = new JobScheduler({ workers });
  await compare(
    `batch(${BATCH}), ${entries} entries and all that they cause`,
    [
      [
        'sstable, no log',
        () => writeOurs(fresh('ours'), entries, value, 'sustained', { scheduler }),
      ],
      ['sstable, no log, no threads', () => writeOurs(fresh('ours'), entries, value, 'sustained')],
      ['classic-level', () => writeLevel(fresh('level'), entries, value, 'sustained')],
    ],
    'entries',
  );
  await workers.close();
}

async function writeOurs(dir, entries, value, kind, options = {}) {
  const db = await openOurs(dir, kind === 'burst' ? { memtableBytes: 2 ** 31 } : options);
  db.setHistoryFloor(Number.MAX_SAFE_INTEGER);
  const key = new Uint8Array(KEY_BYTES);
  for (let i = 0; i < entries; i++) {
    db.put(i + 1, keyInto(key, i), value);
    if ((i + 1) % BATCH > 0) continue;
    if (db.wantsFreeze) db.freeze(new Uint8Array(8));
    await turn();
    while (db.stalled) await turn();
  }
  if (kind === 'sustained') {
    db.freeze(new Uint8Array(8));
    await db.flushed();
    await db.compact();
  }
  await db.close();
  return entries;
}

async function writeLevel(dir, entries, value, kind) {
  const db = await openClassicLevel(dir);
  for (let i = 0; i < entries; i += BATCH) {
    const batch = [];
    for (let n = i; n < i + BATCH; n++) batch.push({ type: 'put', key: newKey(n), value });
    await db.batch(batch);
  }
  if (kind === 'sustained') {
    await db.compactRange(Buffer.alloc(0), Buffer.alloc(KEY_BYTES + 1, 255));
  }
  await db.close();
  return entries;
}

async function writeLmdb(dir, entries, value) {
  const db = openLmdbAt(dir);
  for (let i = 0; i < entries; i += BATCH) {
    db.transactionSync(() => {
      for (let n = i; n < i + BATCH; n++) db.putSync(newKey(n), value);
    });
  }
  await db.close();
  return entries;
}
