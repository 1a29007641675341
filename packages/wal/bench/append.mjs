// Appends per second with so many in flight, on a real disk: node packages/wal/bench/append.mjs [DIR] [BYTES]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { Wal } from '@dougdb/wal';

const parent = process.argv[2] ?? tmpdir();
const bytes = Number(process.argv[3] ?? 116);
const SECONDS = 3;

const data = new Uint8Array(bytes).fill(0x61);
const checksum = crc32(data);

for (const inFlight of [1, 8, 64, 512, 4096]) {
  const dir = mkdtempSync(join(parent, 'wal-bench-'));
  const { wal } = await Wal.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: join(dir, 'wal'),
    quarantineDir: join(dir, 'quarantine'),
  });
  const result = await run(wal, inFlight);
  console.log(
    `${bytes} B, ${inFlight} in flight: ${Math.round(result.perSecond)} appends/s, p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms, ${result.perSync.toFixed(1)} appends a sync, ${result.segments} segments`,
  );
  await wal.close();
  rmSync(dir, { recursive: true });
}

/** Each of the loops appends one entry, waits until it is durable, and appends the next. */
function run(wal, inFlight) {
  return new Promise((resolve) => {
    let index = 0;
    let done = 0;
    let running = inFlight;
    const latencies = [];
    const syncsBefore = wal.stats().syncs;
    const begun = performance.now();
    const end = begun + SECONDS * 1000;
    const loop = () => {
      const at = performance.now();
      index++;
      wal.append(1, [{ index, term: 1, type: 0, data, checksum }], index - 1);
      wal.sync((error) => {
        if (error !== null) throw error;
        const now = performance.now();
        done++;
        if (done % 16 === 0) latencies.push(now - at);
        // A consumer that has applied what is far behind lets segments go.
        if (done % 50_000 === 0) wal.compactPrefix(1, done - 10_000, 1);
        if (now < end) return loop();
        if (--running > 0) return;
        latencies.sort((a, b) => a - b);
        resolve({
          perSecond: done / ((now - begun) / 1000),
          p50: latencies[Math.floor(latencies.length / 2)],
          p99: latencies[Math.floor(latencies.length * 0.99)],
          perSync: done / (wal.stats().syncs - syncsBefore),
          segments: wal.stats().segments,
        });
      });
    };
    for (let i = 0; i < inFlight; i++) loop();
  });
}
