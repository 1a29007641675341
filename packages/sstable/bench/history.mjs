// What history costs: overwrites of a few hot keys, with and without their versions being kept.
// node packages/sstable/bench/history.mjs [DIR] [VERSIONS] [KEYS] [VALUE BYTES]
// As a replica does it: the floor follows the freezes. Kept are the newest half of all versions, as if the run had
// taken two histories.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db } from '@dougdb/sstable';

const parent = process.argv[2] ?? tmpdir();
const versions = Number(process.argv[3] ?? 1_200_000);
const keys = Number(process.argv[4] ?? 1000);
const valueBytes = Number(process.argv[5] ?? 100);
/** As many writes as come in one turn of a busy node. */
const TURN = 256;

const encoder = new TextEncoder();
const names = Array.from({ length: keys }, (_, i) =>
  encoder.encode(`hot/${String(i).padStart(10, '0')}`),
);
const value = new Uint8Array(valueBytes).fill(0x61);

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function measured(kept) {
  const dir = mkdtempSync(join(parent, 'sstable-history-'));
  const db = await Db.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: join(dir, 'db'),
    quarantineDir: join(dir, 'quarantine'),
    identity: new Uint8Array(1),
    cache: new BlockCache(96 << 20),
  });
  let most = 0;
  const begun = { wall: performance.now(), cpu: cpuMs() };
  for (let at = 1; at <= versions; at++) {
    db.put(at, names[(at * 7919) % keys], value);
    if (db.wantsFreeze) {
      db.setHistoryFloor(Math.max(0, at - kept));
      db.freeze(new Uint8Array(8));
    }
    if (at % TURN !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    while (db.stalled) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  db.setHistoryFloor(Math.max(0, versions - kept));
  db.freeze(new Uint8Array(8));
  await db.flushed();
  await db.compact();
  const put = {
    wallUs: ((performance.now() - begun.wall) * 1000) / versions,
    cpuUs: ((cpuMs() - begun.cpu) * 1000) / versions,
  };
  for (const { bytes } of db.stats().levels) most += bytes;
  const timed = (times, run) => {
    run();
    const from = cpuMs();
    for (let i = 0; i < times; i++) run(i);
    return ((cpuMs() - from) * 1000) / times;
  };
  const getUs = timed(50_000, (i = 0) => db.getSync(names[(i * 31) % keys]));
  const oldUs = timed(50_000, (i = 0) =>
    db.getSync(names[(i * 31) % keys], versions - Math.floor(kept / 2)),
  );
  const scanUs = timed(20, () => {
    const iterator = db.iterator();
    let count = 0;
    while (iterator.next()) count++;
    iterator.close();
    if (count !== keys) throw new Error(`${count} keys`);
  });
  await db.close();
  rmSync(dir, { recursive: true });
  const us = (number) => number.toFixed(2);
  console.log(
    `${kept === 0 ? 'no history' : `${kept} versions kept`}: a put ${us(put.wallUs)} µs, ${us(put.cpuUs)} µs of CPU with all that follows; tables ${(most / 2 ** 20).toFixed(1)} MiB; get ${us(getUs)} µs, ${kept === 0 ? '' : `in the middle of the history ${us(oldUs)} µs, `}scan of ${keys} keys ${(scanUs / 1000).toFixed(2)} ms`,
  );
}

for (const kept of [0, versions / 2, 0, versions / 2]) await measured(kept);
