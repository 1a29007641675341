// Time to open a WAL of N entries of 116 bytes after a kill: node packages/wal/bench/open.mjs [DIR] [ENTRIES]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { Wal } from '@dougdb/wal';

const parent = process.argv[2] ?? tmpdir();
const count = Number(process.argv[3] ?? 500_000);
const dir = mkdtempSync(join(parent, 'wal-bench-'));
const options = () => ({
  fs: new NodeFs(),
  clock: new NodeClock(),
  random: new NodeRandom(),
  dir: join(dir, 'wal'),
  quarantineDir: join(dir, 'quarantine'),
});

const data = new Uint8Array(116).fill(0x61);
const checksum = crc32(data);
const { wal } = await Wal.open(options());
for (let index = 1; index <= count; index += 1000) {
  const entries = Array.from({ length: 1000 }, (_, i) => ({
    index: index + i,
    term: 1,
    type: 0,
    data,
    checksum,
  }));
  wal.append(1, entries, 0);
  if (index % 10_000 === 1) await new Promise((resolve) => wal.sync(resolve));
}
await new Promise((resolve) => wal.sync(resolve));

// Not closed: as after a kill, but for the lock that the host would hold.
const begun = performance.now();
const { wal: again, report } = await Wal.open(options());
const openedMs = performance.now() - begun;
const last = report.logs[0].lastIndex;
const readBegun = performance.now();
let read = 0;
while (read < last) read += again.log(1).entries(read + 1, last + 1, 1024 * 1024).length;
const readMs = performance.now() - readBegun;
console.log(
  `${last} entries, ${again.stats().segments - 1} segments: opened in ${Math.round(openedMs)} ms, read back in ${Math.round(readMs)} ms`,
);
await again.close();
rmSync(dir, { recursive: true });
process.exit(0);
