// npm run bench -w @dougdb/sstable [-- --entries 1000000 --value-bytes 100,1024 --rounds 5 --only get|scan|write|durable]
// Compares with classic-level and lmdb, in turns within one run.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchDurable } from './durable.mjs';
import { benchGet } from './get.mjs';
import { benchScan } from './scan.mjs';
import { newValue } from './support/data.mjs';
import { entries, only, parent, rounds, valueSizes } from './support/options.mjs';
import { benchWrite } from './write.mjs';

const concerns = { get: benchGet, scan: benchScan, write: benchWrite, durable: benchDurable };

console.log(
  `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${cpus().length} x ${cpus()[0]?.model}`,
);
for (const bytes of valueSizes) {
  console.log(
    `\n== ${entries} keys of 16 bytes in random order, values of ${bytes}; ${rounds} rounds`,
  );
  for (const [name, bench] of Object.entries(concerns)) {
    if (only !== '' && only !== name) continue;
    const dir = mkdtempSync(join(parent, 'sstable-bench-'));
    try {
      await bench(dir, entries, new Uint8Array(newValue(bytes)));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}
