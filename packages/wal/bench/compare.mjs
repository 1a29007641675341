// Durable appends per second, beside a prototype that does nothing but group commit, in turns in one run:
// npm run bench -w @dougdb/wal -- [DIR] [ROUNDS] [SECONDS]
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { Wal } from '@dougdb/wal';
import { openPrototype } from './prototype.mjs';

const parent = process.argv[2] ?? tmpdir();
// Many short rounds: what else the machine does falls on both.
const ROUNDS = Number(process.argv[3] ?? 21);
const SECONDS = Number(process.argv[4] ?? 0.25);

console.log(
  `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}; ${ROUNDS} rounds of ${SECONDS} s each, median (lowest to highest)`,
);
console.log(
  '  bytes  in flight  prototype/s      wal/s   wal p50   wal p99  CPU each:   and wal  ratio of appends/s',
);
for (const bytes of [116, 1024]) {
  for (const inFlight of [1, 8, 64, 512]) await compare(bytes, inFlight);
}
process.exit(0);

async function compare(bytes, inFlight) {
  const dir = mkdtempSync(join(parent, 'wal-bench-'));
  mkdirSync(join(dir, 'prototype-dir'));
  const prototype = openPrototype(join(dir, 'prototype-dir'));
  const { wal, append } = await openWal(dir);
  const data = new Uint8Array(bytes).fill(0x61);
  const rounds = [];
  // The first one is for the compiler.
  for (let round = 0; round <= ROUNDS; round++) {
    const theirs = await run(prototype, data, inFlight);
    const ours = await run(append, data, inFlight);
    if (round > 0) rounds.push({ theirs, ours, ratio: ours.perSecond / theirs.perSecond });
  }
  await wal.close();
  rmSync(dir, { recursive: true });
  const ratios = rounds.map(({ ratio }) => ratio).sort((a, b) => a - b);
  const cell = (value, width) => String(value).padStart(width);
  console.log(
    cell(bytes, 7),
    cell(inFlight, 10),
    cell(Math.round(median(rounds.map(({ theirs }) => theirs.perSecond))), 12),
    cell(Math.round(median(rounds.map(({ ours }) => ours.perSecond))), 10),
    cell(`${median(rounds.map(({ ours }) => ours.p50)).toFixed(2)} ms`, 9),
    cell(`${median(rounds.map(({ ours }) => ours.p99)).toFixed(2)} ms`, 9),
    cell(`${median(rounds.map(({ theirs }) => theirs.cpuUs)).toFixed(1)} us`, 10),
    cell(`${median(rounds.map(({ ours }) => ours.cpuUs)).toFixed(1)} us`, 9),
    `  ${median(ratios).toFixed(2)} (${ratios[0].toFixed(2)} to ${ratios[ratios.length - 1].toFixed(2)})`,
  );
}

async function openWal(dir) {
  const { wal } = await Wal.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: join(dir, 'wal'),
    quarantineDir: join(dir, 'quarantine'),
  });
  let index = 0;
  const append = (data) => {
    index++;
    wal.append(1, [{ index, term: 1, type: 0, data, checksum: crc32(data) }], index - 1);
    // A consumer that has applied what is far behind lets segments go.
    if (index % 50_000 === 0) wal.compactPrefix(1, index - 10_000, 1);
    return new Promise((resolve, reject) => {
      wal.sync((error) => (error === null ? resolve() : reject(error)));
    });
  };
  return { wal, append };
}

/** Each of the loops appends one entry, waits until it is durable, and appends the next. */
async function run(append, data, inFlight) {
  let done = 0;
  const latencies = [];
  const cpuBefore = process.cpuUsage();
  const begun = performance.now();
  const end = begun + SECONDS * 1000;
  const loop = async () => {
    while (performance.now() < end) {
      const at = performance.now();
      await append(data);
      if (++done % 16 === 0) latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  latencies.sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.floor(latencies.length * q)] ?? 0;
  const perSecond = done / ((performance.now() - begun) / 1000);
  // Of all threads, so that other programs on the machine hardly matter.
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond, cpuUs: (user + system) / done, p50: quantile(0.5), p99: quantile(0.99) };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
