// How flushes and compactions hold up the event loop, on the loop and in threads, by turns in one run:
//   node packages/sstable/bench/loop-delay.mjs [ROUNDS] [SECONDS] [DIR]
// Writes go on at a steady rate, as from a log; the delay is what a timer of 1 ms is late.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db, JobScheduler } from '@dougdb/sstable';
import { TableWorkers } from '@dougdb/sstable/node';

const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);
const root = mkdtempSync(join(process.argv[4] ?? tmpdir(), 'sstable-delay-'));
const MIB = 1024 * 1024;
const value = new Uint8Array(100).fill(0x61);
const WRITES_A_TURN = 100;

/** Delays in ms, and the writes that were done. */
async function run(scheduler, name) {
  const db = await Db.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: join(root, name),
    quarantineDir: join(root, 'quarantine'),
    identity: new Uint8Array(1),
    cache: new BlockCache(32 * MIB),
    memtableBytes: 4 * MIB,
    scheduler,
  });
  const key = new Uint8Array(16);
  const view = new DataView(key.buffer);
  const delays = monitorEventLoopDelay({ resolution: 1 });
  let sequence = 0;
  const endMs = performance.now() + seconds * 1000;
  delays.enable();
  while (performance.now() < endMs) {
    if (!db.stalled) {
      for (let i = 0; i < WRITES_A_TURN; i++) {
        view.setUint32(0, Math.imul(++sequence, 0x9e3779b1));
        view.setUint32(4, sequence);
        db.put(sequence, key, value);
      }
      if (db.wantsFreeze) db.freeze(new Uint8Array(0));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  delays.disable();
  const { flushes, compactions } = db.stats();
  await db.close();
  rmSync(join(root, name), { recursive: true, force: true });
  // The monitor's own millisecond is not a delay.
  const ms = (ns) => Math.max(0, ns / 1e6 - 1);
  return {
    p50: ms(delays.percentile(50)),
    p99: ms(delays.percentile(99)),
    'p99.9': ms(delays.percentile(99.9)),
    max: ms(delays.max),
    writes: sequence,
    flushes,
    compactions,
  };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const workers = new TableWorkers();
const results = { loop: [], threads: [] };
try {
  for (let round = 0; round < rounds; round++) {
    results.loop.push(await run(new JobScheduler(), `loop${round}`));
    results.threads.push(await run(new JobScheduler({ workers }), `threads${round}`));
  }
} finally {
  await workers.close();
  rmSync(root, { recursive: true, force: true });
}
console.log(`Node ${process.versions.node}, ${rounds} rounds of ${seconds} s each way; medians`);
for (const name of ['p50', 'p99', 'p99.9', 'max', 'writes', 'flushes', 'compactions']) {
  const [loop, threads] = ['loop', 'threads'].map((way) => results[way].map((r) => r[name]));
  const ratios = loop.map((figure, i) => threads[i] / figure);
  const show = (n) => (n >= 100 ? Math.round(n).toLocaleString('en') : n.toFixed(2));
  console.log(
    `  ${name.padEnd(12)} loop ${show(median(loop)).padStart(9)}  threads ${show(median(threads)).padStart(9)}` +
      `  threads/loop ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
  );
}
