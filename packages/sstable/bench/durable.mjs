// Single puts that are on the disk when they are acknowledged, 1 and 64 of them in flight: each engine groups
// what waits into one sync as it can.
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { EmbeddedDb } from '@dougdb/sstable';
import { compare } from './support/compare.mjs';
import { keyInto } from './support/data.mjs';
import { openClassicLevel, openLmdbAt } from './support/engines.mjs';
import { KEY_BYTES } from './support/options.mjs';

const SECONDS = 1;

export async function benchDurable(dir, _entries, value) {
  const ours = await EmbeddedDb.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: `${dir}/ours`,
  });
  const level = await openClassicLevel(`${dir}/level`);
  const map = openLmdbAt(`${dir}/lmdb`);
  for (const inFlight of [1, 64]) {
    await compare(
      `put, durable, ${inFlight} in flight`,
      [
        [
          'sstable, embedded',
          () => inTurns(inFlight, (key) => ours.put(key, value, { sync: true })),
        ],
        [
          'classic-level, sync',
          () => inTurns(inFlight, (key) => level.put(key, value, { sync: true })),
        ],
        ['lmdb', () => inTurns(inFlight, (key) => map.put(key, value))],
      ],
      'puts',
    );
  }
  for (const db of [ours, level, map]) await db.close();
}

/** Keeps so many puts under way for a second. @returns how many were acknowledged */
async function inTurns(inFlight, put) {
  const end = performance.now() + SECONDS * 1000;
  let done = 0;
  let next = Math.floor(Math.random() * 2 ** 31);
  const caller = async () => {
    while (performance.now() < end) {
      await put(keyInto(Buffer.alloc(KEY_BYTES), next++));
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return done;
}
