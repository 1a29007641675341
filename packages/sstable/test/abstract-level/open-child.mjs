// Tries to open a database that another process has, and says what came of it.
import { SstLevel } from '@dougdb/sstable/abstract-level';

const db = new SstLevel(process.argv[2]);
db.open().then(
  () => process.send('opened', () => process.exit()),
  (error) => process.send(error.cause?.code ?? String(error), () => process.exit()),
);
