import { SimRandom } from '@dougdb/ports/sim';
import { ClassicLevel } from 'classic-level';
import { SstLevel } from '../../src/abstract-level/index.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from '../support/share.js';
import { temporary } from './temporary.js';

jest.setTimeout(TIMEOUT_MS);

const OPERATIONS = isFull ? 200_000 : 5000;
const SEED = Number(seed) % 2 ** 31;
const TITLE = `answers the same in ${OPERATIONS} operations`;
/** Operations between two comparisons of everything. */
const DUMP_EVERY = 500;
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const;
const SMALL = { writeBufferSize: 64 * 1024, maxFileSize: 1 << 20, cacheSize: 1 << 20 };

type Bytes = Uint8Array;
type Level = SstLevel<Bytes, Bytes> | ClassicLevel<Bytes, Bytes>;
type Entry = [Bytes | undefined, Bytes | undefined];

interface Range {
  gt?: Bytes;
  gte?: Bytes;
  lt?: Bytes;
  lte?: Bytes;
  reverse?: boolean;
  limit?: number;
}

/** Draws operations; the same for both databases. */
class Draw {
  readonly #random: SimRandom;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  /** Short keys that share prefixes, with zeros, high bytes and what is no UTF-8. */
  key(): Bytes {
    const alphabet = [0, 1, 97, 98, 99, 128, 195, 255];
    const length = 1 + this.below(5);
    return Uint8Array.from({ length }, () => alphabet[this.below(alphabet.length)] ?? 0);
  }

  value(): Bytes {
    return this.#random.bytes(this.below(8) === 0 ? this.below(3000) : this.below(40));
  }

  range(): Range {
    const range: Range = {};
    const lower = this.below(4);
    const upper = this.below(4);
    if (lower === 1) range.gt = this.key();
    if (lower >= 2) range.gte = this.key();
    if (lower === 3) range.gt = this.key();
    if (upper === 1) range.lt = this.key();
    if (upper >= 2) range.lte = this.key();
    if (upper === 3) range.lt = this.key();
    if (this.below(2) === 0) range.reverse = true;
    if (this.below(3) === 0) range.limit = this.below(20);
    return range;
  }
}

function hex(bytes: Bytes | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}

function lines(entries: readonly Entry[]): string[] {
  return entries.map(([key, value]) => `${hex(key)}=${hex(value)}`);
}

/** The next operation: what it does with a database, and what it shows of it. */
function draw(by: Draw): (db: Level) => Promise<unknown> {
  const choice = by.below(100);
  if (choice < 40) {
    const [key, value, sync] = [by.key(), by.value(), by.below(50) === 0];
    return (db) => (db as SstLevel<Bytes, Bytes>).put(key, value, { sync });
  }
  if (choice < 52) {
    const key = by.key();
    return (db) => db.del(key);
  }
  if (choice < 62) {
    const operations = Array.from({ length: by.below(12) }, () =>
      by.below(3) === 0
        ? { type: 'del' as const, key: by.key() }
        : { type: 'put' as const, key: by.key(), value: by.value() },
    );
    return (db) => (db as SstLevel<Bytes, Bytes>).batch(operations);
  }
  if (choice < 72) {
    const keys = Array.from({ length: 1 + by.below(6) }, () => by.key());
    const [first] = keys as [Bytes];
    return async (db) => [
      hex(await db.get(first)),
      hex(db.getSync(first)),
      await db.has(first),
      (await db.getMany(keys)).map(hex),
      await db.hasMany(keys),
    ];
  }
  if (choice < 86) {
    const range = by.range();
    return async (db) => lines(await (db as SstLevel<Bytes, Bytes>).iterator(range).all());
  }
  if (choice < 93) {
    const range = by.range();
    const seeks = Array.from({ length: 3 }, () => ({ target: by.key(), size: 1 + by.below(5) }));
    return async (db) => {
      const iterator = (db as SstLevel<Bytes, Bytes>).iterator(range);
      const seen: string[][] = [];
      for (const { target, size } of seeks) {
        seen.push(lines(await iterator.nextv(size)));
        iterator.seek(target);
        seen.push(lines(await iterator.nextv(size)));
      }
      await iterator.close();
      return seen;
    };
  }
  if (choice < 95) {
    const range = by.range();
    return (db) => db.clear({ limit: 30, ...range });
  }
  if (choice < 98) {
    const [key, value, range] = [by.key(), by.value(), by.range()];
    return async (db) => {
      const snapshot = db.snapshot();
      await db.put(key, value);
      const before = lines(
        await (db as SstLevel<Bytes, Bytes>).iterator({ ...range, snapshot }).all(),
      );
      const found = hex(await (db as SstLevel<Bytes, Bytes>).get(key, { snapshot }));
      await snapshot.close();
      return [before, found];
    };
  }
  if (choice < 99) {
    const [start, end] = [by.key(), by.key()];
    return (db) => db.compactRange(start, end);
  }
  return async (db) => {
    await db.close();
    await db.open(SMALL);
  };
}

describe('SstLevel beside classic-level', () => {
  it(`${TITLE} (${replayOf(TITLE)})`, async () => {
    const dir = temporary();
    const classic = new ClassicLevel<Bytes, Bytes>(`${dir.path}/classic`, ENCODINGS);
    const ours = new SstLevel<Bytes, Bytes>(`${dir.path}/ours`, ENCODINGS);
    try {
      await Promise.all([classic.open(SMALL), ours.open(SMALL)]);
      const by = new Draw(SEED);
      // Never empty: classic-level ends the process by an assertion of LevelDB's when a reverse iterator over
      // nothing is asked to seek outside of its range.
      const first = Array.from({ length: 1000 }, () => ({
        type: 'put' as const,
        key: by.key(),
        value: by.value(),
      }));
      await Promise.all([classic.batch(first), ours.batch(first)]);
      const seen = { flushes: 0, compactions: 0 };
      for (let n = 1; n <= OPERATIONS; n++) {
        const operation = draw(by);
        const [expected, actual] = [await operation(classic), await operation(ours)];
        if (!same(expected, actual)) expect({ n, shows: actual }).toEqual({ n, shows: expected });
        seen.flushes = Math.max(seen.flushes, ours.stats().flushes);
        seen.compactions = Math.max(seen.compactions, ours.stats().compactions);
        if (n % DUMP_EVERY !== 0 && n !== OPERATIONS) continue;
        for (const reverse of [false, true]) {
          const [theirs, mine] = [
            lines(await classic.iterator({ reverse }).all()),
            lines(await ours.iterator({ reverse }).all()),
          ];
          if (!same(theirs, mine)) expect({ n, dump: mine }).toEqual({ n, dump: theirs });
        }
      }
      // It flushed and compacted on the way.
      expect([seen.flushes > 0, seen.compactions > 0]).toEqual([true, true]);
    } finally {
      await Promise.all([classic.close(), ours.close()]);
      dir.remove();
    }
  });
});

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
