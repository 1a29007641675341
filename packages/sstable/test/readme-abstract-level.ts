import { SstLevel } from '@dougdb/sstable/abstract-level';

export async function levelExample(location: string): Promise<unknown[]> {
  const db = new SstLevel<string, { color: string }>(location, { valueEncoding: 'json' });
  await db.put('apple', { color: 'red' }, { sync: true });
  await db.batch([
    { type: 'put', key: 'banana', value: { color: 'yellow' } },
    { type: 'put', key: 'cherry', value: { color: 'dark' } },
  ]);
  const snapshot = db.snapshot();
  await db.clear({ gte: 'b' });
  const now = await db.keys().all(); // ['apple']
  const before = await db.keys({ reverse: true, limit: 2, snapshot }).all(); // ['cherry', 'banana']
  const apple = db.getSync('apple'); // { color: 'red' }
  await db.close(); // ends the snapshot, too
  return [now, before, apple];
}
