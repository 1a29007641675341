import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db } from '@dougdb/sstable';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array | null | undefined) =>
  found ? new TextDecoder().decode(found) : null;
const cache = new BlockCache(8 * 1024 * 1024); // one for all databases of a process

export async function example(dir: string): Promise<unknown[]> {
  const open = (): Promise<Db> =>
    Db.open({
      fs: new NodeFs(),
      clock: new NodeClock(),
      random: new NodeRandom(),
      dir,
      quarantineDir: `${dir}-quarantine`,
      identity: bytes('fruit'),
      cache,
    });

  // The host has a log: here an array. The place of a write in it is its sequence.
  const log = [
    ['apple', 'red'],
    ['banana', 'yellow'],
    ['apple', 'green'],
  ] as const;
  const db = await open();
  for (const [i, [key, value]] of log.entries()) db.put(i + 1, bytes(key), bytes(value));
  db.freeze(bytes('log position 3')); // says what is in; never waits
  await db.flushed(); // now durable: the log up to position 3 may go
  db.put(4, bytes('cherry'), bytes('dark')); // in memory alone
  await db.close();

  const again = await open();
  const position = text(again.hostState); // 'log position 3': write again from 4 on
  const apple = await again.get(bytes('apple')); // green
  const before = await again.get(bytes('apple'), 2); // red, as of sequence 2
  const keys: (string | null)[] = [];
  const iterator = again.iterator({ reverse: true });
  while (iterator.next()) keys.push(text(iterator.key())); // banana, apple
  iterator.close();
  await again.close();
  return [position, text(apple?.value), text(before?.value), keys];
}
