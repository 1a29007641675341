// What databases cost that do nothing: node packages/sstable/bench/idle.mjs [DATABASES] [TABLES EACH] [DIR]
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
const root = mkdtempSync(join(process.argv[4] ?? tmpdir(), 'sstable-idle-'));
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

async function openAll(fill) {
  const databases = [];
  for (let n = 0; n < count; n++) {
    const db = await Db.open({ ...shared, dir: join(root, `db${n}`) });
    databases.push(db);
    if (fill) await fill(db);
  }
  return databases;
}

async function fill(db) {
  for (let table = 1; table <= tables; table++) {
    for (let i = 0; i < 100; i++)
      db.put(table, new TextEncoder().encode(`key${i}`), new Uint8Array(100));
    db.freeze(new Uint8Array(8));
    await db.flushed();
  }
}

try {
  for (const db of await openAll(fill)) await db.close();
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
  console.log(`  descriptors of tables, all together: ${shared.openFiles.count}`);
  for (const db of databases) await db.close();
} finally {
  rmSync(root, { recursive: true, force: true });
}
