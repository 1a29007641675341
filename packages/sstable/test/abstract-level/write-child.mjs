// Writes numbered keys and tells each one that was written, until it is killed. Every tenth is synced.
import { SstLevel } from '@dougdb/sstable/abstract-level';

const db = new SstLevel(process.argv[2], { writeBufferSize: 4096 });
process.on('disconnect', () => process.exit());
for (let n = 0; ; n++) {
  await db.put(String(100_000 + n), `value ${n}`, { sync: n % 10 === 0 });
  process.send(n);
}
