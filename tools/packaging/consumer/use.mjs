// An ES module of someone who installed @dougdb/client. Usage: node use.mjs HOST:PORT
import { strict as assert } from 'node:assert';
import { DougClient } from '@dougdb/client';

const db = await DougClient.connect(process.argv[2]);
try {
  const { revision } = await db.put('module', 'import');
  assert.deepEqual(await db.get('module'), { key: 'module', value: 'import', revision });
} finally {
  await db.close();
}
