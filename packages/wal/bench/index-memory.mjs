// Memory that the index takes for each entry: node --expose-gc packages/wal/bench/index-memory.mjs [DIR] [ENTRIES] [LOGS]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { Wal } from '@dougdb/wal';

const parent = process.argv[2] ?? tmpdir();
const count = Number(process.argv[3] ?? 1_000_000);
const logs = Number(process.argv[4] ?? 100);
const dir = mkdtempSync(join(parent, 'wal-bench-'));
const { wal } = await Wal.open({
  fs: new NodeFs(),
  clock: new NodeClock(),
  random: new NodeRandom(),
  dir: join(dir, 'wal'),
  quarantineDir: join(dir, 'quarantine'),
  cacheBytes: 0,
});
const data = new Uint8Array(16);
const checksum = crc32(data);

const used = () => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const durable = () => new Promise((resolve) => wal.sync(resolve));

// The buffers of the writer are there before it is measured.
for (let id = 1; id <= logs; id++)
  wal.append(id, [{ index: 1, term: 1, type: 0, data, checksum }], 0);
await durable();
const before = used();
for (let index = 2; index <= count / logs; index++) {
  for (let id = 1; id <= logs; id++)
    wal.append(id, [{ index, term: 1, type: 0, data, checksum }], 0);
  if (index % 100 === 0) await durable();
}
await durable();
console.log(
  `Node ${process.version}: ${count} entries in ${logs} logs, ${((used() - before) / count).toFixed(1)} bytes each`,
);
await wal.close();
rmSync(dir, { recursive: true });
process.exit(0);
