import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { EmbeddedDb, WriteBatch } from '@dougdb/sstable';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: { value: Uint8Array } | null) =>
  found && new TextDecoder().decode(found.value);

export async function embeddedExample(dir: string): Promise<unknown[]> {
  const ports = { fs: new NodeFs(), clock: new NodeClock(), random: new NodeRandom() };
  const db = await EmbeddedDb.open({ ...ports, dir });
  await db.put(bytes('apple'), bytes('red')); // outlives the process
  const snapshot = db.snapshot();
  const batch = new WriteBatch()
    .put(bytes('apple'), bytes('green'))
    .put(bytes('banana'), bytes('yellow'))
    .deleteRange(bytes('b'), bytes('c')); // the banana above, too
  await db.write(batch, { sync: true }); // outlives a power loss
  const now = text(db.getSync(bytes('apple'))); // green
  const before = text(db.getSync(bytes('apple'), snapshot)); // red
  snapshot.release();
  await db.checkpoint(`${dir}-copy`); // by hard links
  await db.close();

  const copy = await EmbeddedDb.open({ ...ports, dir: `${dir}-copy`, create: 'never' });
  const found = [text(copy.getSync(bytes('apple'))), text(copy.getSync(bytes('banana')))];
  await copy.close();
  return [now, before, found]; // [green, null]
}
