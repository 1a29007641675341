// Loads entries in random order, closes, opens again, and tells rates, amplification, memory and descriptors:
//   node packages/sstable/bench/load.mjs [--entries 1000000] [--value 100] [--order random|ascending]
//     [--threads 2|1|0] [--memory 256] [--rewrite 0] [--dir DIR]
// --rewrite 0.5: so many of the entries are written a second time. --memory: MiB for memtables and cache.
// Where the package classic-level can be found, it loads the same beside it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db, JobScheduler, MemtableBudget, OpenFiles } from '@dougdb/sstable';
import { TableWorkers } from '@dougdb/sstable/node';

const { values: flags } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    value: { type: 'string', default: '100' },
    order: { type: 'string', default: 'random' },
    threads: { type: 'string', default: '2' },
    memory: { type: 'string', default: '256' },
    rewrite: { type: 'string', default: '0' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const MIB = 1024 * 1024;
const entries = Number(flags.entries);
const writes = Math.round(entries * (1 + Number(flags.rewrite)));
const value = new Uint8Array(Number(flags.value)).fill(0x61);
const memory = Number(flags.memory) * MIB;
/** Need not be there. */
const RIVAL = 'classic-level';
const KEY_BYTES = 16;
const BATCH = 100;
const userBytes = writes * (KEY_BYTES + value.length);
const liveBytes = entries * (KEY_BYTES + value.length);

const root = mkdtempSync(join(flags.dir, 'sstable-load-'));
const threads = Number(flags.threads);
const workers = threads === 0 ? null : new TableWorkers({ threads });
const shared = {
  fs: new NodeFs(),
  clock: new NodeClock(),
  random: new NodeRandom(),
  dir: join(root, 'db'),
  quarantineDir: join(root, 'quarantine'),
  identity: new Uint8Array(1),
  memtableBytes: memory / 16,
  scheduler: new JobScheduler({ workers }),
  openFiles: new OpenFiles(256),
};
const open = () =>
  Db.open({
    ...shared,
    cache: new BlockCache((memory * 3) / 8),
    budget: new MemtableBudget(memory / 4),
  });

let peakRss = 0;
const sampling = setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage().rss);
}, 20);

try {
  await loadOurs();
  await loadClassicLevel();
} finally {
  clearInterval(sampling);
  await workers?.close();
  rmSync(root, { recursive: true, force: true });
}

async function loadOurs() {
  const rssBefore = process.memoryUsage().rss;
  peakRss = rssBefore;
  let db = await open();
  let begun = performance.now();
  let pausedMs = 0;
  for (let n = 0, sequence = 1; n < writes; sequence++) {
    for (let i = 0; i < BATCH && n < writes; i++, n++) db.put(sequence, keyOf(n % entries), value);
    // Nobody asks for older states, as in a database without history.
    db.setHistoryFloor(sequence);
    if (db.wantsFreeze) db.freeze(new Uint8Array(0));
    // As a host does it: growth waits while the database asks for it.
    for (let delayMs = db.pressure.delayMs; delayMs > 0; delayMs = db.stalled ? 5 : 0) {
      const before = performance.now();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      pausedMs += performance.now() - before;
    }
    if (sequence % 10 === 0) await new Promise(setImmediate);
  }
  db.freeze(new Uint8Array(0));
  await db.flushed();
  const loadMs = performance.now() - begun;
  begun = performance.now();
  await db.compact();
  const settleMs = performance.now() - begun;
  const stats = db.stats();
  const diskBytes = sizeOf(shared.dir);
  const descriptors = readdirSync('/proc/self/fd').length;
  const written = stats.flushedBytes + stats.compactionWrittenBytes;
  console.log(`\n@dougdb/sstable, Node ${process.versions.node}, ${threads} threads`);
  tell(
    'load',
    `${perSecond(writes, loadMs)} entries/s, ${(userBytes / MIB / (loadMs / 1000)).toFixed(1)} MiB/s`,
  );
  tell('paused for the database', `${((100 * pausedMs) / loadMs).toFixed(1)} % of the time`);
  tell('compactions after the load', `${(settleMs / 1000).toFixed(2)} s`);
  tell('write amplification', (written / userBytes).toFixed(2));
  tell('space amplification', (diskBytes / liveBytes).toFixed(3));
  tell('levels (tables)', stats.levels.map(({ tables }) => tables).join(' '));
  tell('flushes, compactions', `${stats.flushes}, ${stats.compactions}`);
  tell('memory, peak above the start', `${((peakRss - rssBefore) / MIB).toFixed(0)} MiB`);
  tell('descriptors of the process', descriptors);
  await db.close();
  begun = performance.now();
  db = await open();
  const openMs = performance.now() - begun;
  if (db.get(keyOf(entries >> 1)) === null) throw new Error('a key is missing');
  const firstGetMs = performance.now() - begun;
  tell('open again', `${openMs.toFixed(1)} ms, with a first get ${firstGetMs.toFixed(1)} ms`);
  let found = 0;
  const iterator = db.iterator({ keysOnly: true });
  begun = performance.now();
  while (iterator.next()) found++;
  iterator.close();
  tell('scan', `${perSecond(found, performance.now() - begun)} entries/s`);
  if (found !== entries) throw new Error(`${found} entries instead of ${entries}`);
  await db.close();
}

async function loadClassicLevel() {
  const { ClassicLevel } = await import(RIVAL).catch(() => ({}));
  if (ClassicLevel === undefined) {
    console.log('\nclassic-level is not there: not compared');
    return;
  }
  const dir = join(root, 'classic');
  const encoding = { keyEncoding: 'view', valueEncoding: 'view' };
  const db = new ClassicLevel(dir, {
    ...encoding,
    writeBufferSize: memory / 16,
    cacheSize: (memory * 3) / 8,
    // All values are alike: its default would pack them to nothing.
    compression: false,
  });
  await db.open();
  const before = writtenByProcess();
  const begun = performance.now();
  for (let n = 0; n < writes; ) {
    const batch = [];
    for (let i = 0; i < BATCH && n < writes; i++, n++) {
      batch.push({ type: 'put', key: keyOf(n % entries).slice(), value });
    }
    await db.batch(batch);
  }
  const loadMs = performance.now() - begun;
  await db.close();
  console.log('\nclassic-level (its log is counted too)');
  tell('load', `${perSecond(writes, loadMs)} entries/s`);
  tell(
    'write amplification',
    before === null ? 'not known here' : ((writtenByProcess() - before) / userBytes).toFixed(2),
  );
  tell('space amplification', (sizeOf(dir) / liveBytes).toFixed(3));
}

/** Bytes that this process handed to the system to be written; null where /proc does not say. */
function writtenByProcess() {
  try {
    return Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return null;
  }
}

function sizeOf(dir) {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

function perSecond(count, ms) {
  return Math.round((count / ms) * 1000).toLocaleString('en');
}

function tell(what, figure) {
  console.log(`  ${what.padEnd(32)} ${figure}`);
}

/** 16 bytes for a number, no two numbers the same: its bits mixed, or in order. */
function keyOf(n) {
  const key = new Uint8Array(KEY_BYTES);
  const view = new DataView(key.buffer);
  view.setUint32(0, flags.order === 'ascending' ? Math.floor(n / 2 ** 16) : mix(n));
  view.setUint32(4, flags.order === 'ascending' ? n : mix(n ^ 0x5bd1e995));
  view.setUint32(8, mix(n + 0x9e3779b9));
  view.setUint32(12, n);
  return key;
}

function mix(n) {
  let x = Math.imul(n ^ (n >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
