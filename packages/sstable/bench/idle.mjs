// What databases cost that do nothing: node packages/sstable/bench/idle.mjs [DATABASES] [TABLES EACH] [DIR]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db, JobScheduler, MemtableBudget, OpenFiles } from '@dougdb/sstable';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const count = Number(process.argv[2] ?? 500);
const tables = Number(process.argv[3] ?? 2);
// They are made by another process: this one has seen nothing but what it measures.
const isMaker = process.argv[4] === '--make';
const root = isMaker
  ? process.argv[5]
  : mkdtempSync(join(process.argv[4] ?? tmpdir(), 'sstable-idle-'));
const MIB = 1024 * 1024;
const shared = {
  fs: new NodeFs(),
  clock: new NodeClock(),
  random: new NodeRandom(),
  quarantineDir: join(root, 'quarantine'),
  identity: new Uint8Array(1),
  cache: new BlockCache(64 * MIB),
  budget: new MemtableBudget(64 * MIB),
  scheduler: new JobScheduler(),
  openFiles: new OpenFiles(64),
};

function used() {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return {
    bytes: heapUsed + external,
    arrayBuffers,
    rss,
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

async function openAll() {
  const databases = [];
  for (let n = 0; n < count; n++) {
    databases.push(await Db.open({ ...shared, dir: join(root, `db${n}`) }));
  }
  return databases;
}

async function make() {
  for (const db of await openAll()) {
    for (let table = 1; table <= tables; table++) {
      for (let i = 0; i < 100; i++) {
        db.put(table, new TextEncoder().encode(`key${i}`), new Uint8Array(100));
      }
      db.freeze(new Uint8Array(8));
      await db.flushed();
    }
    await db.close();
  }
}

async function measure() {
  const args = [String(count), String(tables), '--make', root];
  const { status } = spawnSync(process.execPath, [process.argv[1], ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`making the databases ended with ${status}`);
  const before = used();
  const begun = performance.now();
  const databases = await openAll();
  const openMs = performance.now() - begun;
  const after = used();
  const each = (name) =>
    ((after[name] - before[name]) / count).toFixed(name === 'descriptors' ? 2 : 0);
  console.log(`${count} databases of ${tables} tables, Node ${process.versions.node}`);
  console.log(`  opened in ${openMs.toFixed(0)} ms, ${(openMs / count).toFixed(2)} ms each`);
  console.log(
    `  each: ${each('bytes')} bytes of heap and buffers, ${each('rss')} of the process, ${each('descriptors')} descriptors`,
  );
  console.log(`  descriptors, all together: ${shared.openFiles.count}`);
  for (const db of databases) await db.close();
}

if (isMaker) await make();
else {
  try {
    await measure();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
