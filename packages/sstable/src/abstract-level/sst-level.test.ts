import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { temporary } from '../../test/abstract-level/temporary.js';
import { BlockCache } from '../block-cache.js';
import { SstLevel } from './sst-level.js';

let dir: ReturnType<typeof temporary>;
beforeEach(() => {
  dir = temporary();
});
afterEach(() => dir.remove());

const coded = (code: string) => expect.objectContaining({ code });

async function filled(count: number, name = 'db'): Promise<SstLevel> {
  const db = new SstLevel(`${dir.path}/${name}`);
  const operations = Array.from({ length: count }, (_, i) => ({
    type: 'put' as const,
    key: String(100_000 + i),
    value: `value ${i}`,
  }));
  await db.batch(operations);
  return db;
}

describe('SstLevel', () => {
  it('keeps its data, in every encoding', async () => {
    const db = new SstLevel(`${dir.path}/db`, { valueEncoding: 'json' });
    await db.put('ключ', '{"a":1}', { valueEncoding: 'utf8' });
    await db.put('b', { b: [2] } as unknown as string, { sync: true });
    await db.close();
    const again = new SstLevel<string, unknown>(`${dir.path}/db`, { valueEncoding: 'json' });
    expect(await again.iterator().all()).toEqual([
      ['b', { b: [2] }],
      ['ключ', { a: 1 }],
    ]);
    expect(await again.get('b', { valueEncoding: 'buffer' })).toEqual(Buffer.from('{"b":[2]}'));
    expect(await again.keys({ keyEncoding: 'view' }).all()).toEqual([
      Uint8Array.of(98),
      Uint8Array.from(Buffer.from('ключ')),
    ]);
    await again.close();
  });

  it('wants a location', () => {
    for (const location of ['', undefined, 5]) {
      expect(() => new SstLevel(location as string)).toThrow(TypeError);
    }
  });

  it('refuses a second one on the same directory, in this process and in another', async () => {
    const db = await filled(1);
    const second = new SstLevel(db.location);
    await expect(second.open()).rejects.toMatchObject({
      code: 'LEVEL_DATABASE_NOT_OPEN',
      cause: coded('LEVEL_LOCKED'),
    });
    const child = fork(`${__dirname}/../../test/abstract-level/open-child.mjs`, [db.location]);
    const [said] = (await once(child, 'message')) as [unknown];
    await once(child, 'exit');
    expect(said).toBe('LEVEL_LOCKED');
    await db.close();
    await second.open();
    expect(await second.get('100000')).toBe('value 0');
    await second.close();
  });

  it('is there, or not, as it should be', async () => {
    const location = `${dir.path}/db`;
    await expect(new SstLevel(location).open({ createIfMissing: false })).rejects.toMatchObject({
      cause: coded('LEVEL_DATABASE_MISSING'),
    });
    expect(readdirSync(dir.path)).toEqual([]);
    await (await filled(1)).close();
    await expect(new SstLevel(location).open({ errorIfExists: true })).rejects.toMatchObject({
      cause: coded('LEVEL_DATABASE_EXISTS'),
    });
    await expect(
      new SstLevel(location).open({ createIfMissing: false, errorIfExists: true }),
    ).rejects.toMatchObject({ cause: coded('LEVEL_DATABASE_EXISTS') });
    const db = new SstLevel(location);
    await db.open({ createIfMissing: false });
    await db.close();
  });

  it('tells of damage', async () => {
    await (await filled(1)).close();
    for (const name of readdirSync(`${dir.path}/db`).filter((file) => /^MANIFEST/.test(file))) {
      writeFileSync(`${dir.path}/db/${name}`, 'damaged');
    }
    await expect(new SstLevel(`${dir.path}/db`).open()).rejects.toMatchObject({
      cause: coded('LEVEL_CORRUPTION'),
    });
  });

  it('frees space when deleted keys are compacted, and says how much a range takes', async () => {
    const db = await filled(2000);
    expect(await db.approximateSize('1', '2')).toBe(0);
    await db.compactRange('1', '2');
    const whole = await db.approximateSize('1', '2');
    expect(whole).toBeGreaterThan(10_000);
    const half = await db.approximateSize('1', '101000');
    expect(half / whole).toBeGreaterThan(0.3);
    expect(half / whole).toBeLessThan(0.7);
    await db.clear({ gte: '100010' });
    await db.compactRange('1', '2');
    expect(await db.approximateSize('1', '2')).toBeLessThan(whole / 10);
    expect(await db.keys().all()).toHaveLength(10);
    const files = Array.from({ length: 7 }, (_, level) =>
      Number(db.getProperty(`leveldb.num-files-at-level${level}`)),
    );
    expect(files.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(db.getProperty('leveldb.stats')).toMatch(/^level .*\n\d {2}1 {2}/);
    expect(Number(db.getProperty('leveldb.approximate-memory-usage'))).toBeGreaterThanOrEqual(0);
    expect(db.getProperty('leveldb.unknown')).toBe('');
    await db.close();
  });

  it('encodes the ends of ranges, defers them while it opens, refuses them when it is closed', async () => {
    const db = new SstLevel(`${dir.path}/db`);
    const encoded: string[] = [];
    const keyEncoding = {
      name: 'noted',
      format: 'utf8',
      encode: (key: string) => {
        encoded.push(key);
        return key;
      },
      decode: (key: string) => key,
    };
    await Promise.all([
      db.approximateSize('a', 'b', { keyEncoding: keyEncoding as unknown as string }),
      db.compactRange('c', 'd', { keyEncoding: keyEncoding as unknown as string }),
    ]);
    expect(encoded).toEqual(['a', 'b', 'c', 'd']);
    const incomplete = db as unknown as Record<string, (start?: string) => Promise<unknown>>;
    for (const method of ['approximateSize', 'compactRange']) {
      await expect(incomplete[method]!()).rejects.toThrow(TypeError);
      await expect(incomplete[method]!('a')).rejects.toThrow(TypeError);
    }
    await db.close();
    const notOpen = coded('LEVEL_DATABASE_NOT_OPEN');
    await expect(db.approximateSize('a', 'b')).rejects.toThrow(notOpen);
    await expect(db.compactRange('a', 'b')).rejects.toThrow(notOpen);
    expect(() => db.getProperty('leveldb.stats')).toThrow(notOpen);
  });

  it('can be destroyed, with nothing but its own files', async () => {
    const db = await filled(10);
    await expect(SstLevel.destroy(db.location)).rejects.toThrow(coded('LEVEL_LOCKED'));
    await db.close();
    mkdirSync(`${db.location}/mine`);
    await SstLevel.destroy(db.location);
    expect(readdirSync(db.location).filter((name) => name !== 'LOCK')).toEqual(['mine']);
    await (await filled(3, 'other')).close();
    await SstLevel.destroy(`${dir.path}/other`);
    await SstLevel.destroy(`${dir.path}/never there`);
    expect(readdirSync(dir.path)).toEqual(['db']);
  });

  it('shares a cache with others', async () => {
    const cache = new BlockCache(1 << 20);
    const db = await filled(1000);
    await db.compactRange('1', '2');
    await db.close();
    await db.open({ cache });
    await db.get('100500');
    expect(cache.stats().blocks).toBeGreaterThan(0);
    await db.close();
    expect(cache.stats().usedBytes).toBe(0);
  });
});

describe('an iterator of SstLevel', () => {
  it('lets the loop have its turns, with next, with nextv and with seeks', async () => {
    const db = await filled(20_000);
    const ways: Record<string, () => Promise<number>> = {
      next: async () => {
        let entries = 0;
        for await (const _ of db.iterator()) entries++;
        return entries;
      },
      all: async () => (await db.iterator().all()).length,
      seek: async () => {
        const iterator = db.iterator();
        let entries = 0;
        for (let i = 0; i < 20_000; i++) {
          iterator.seek(String(100_000 + i));
          if ((await iterator.next()) !== undefined) entries++;
        }
        await iterator.close();
        return entries;
      },
      get: async () => {
        let found = 0;
        for (let i = 0; i < 20_000; i++) {
          if ((await db.get(String(100_000 + i))) !== undefined) found++;
        }
        return found;
      },
    };
    for (const [way, run] of Object.entries(ways)) {
      let isDone = false;
      let turns = 0;
      const breathe = (): void => {
        turns++;
        if (!isDone) setImmediate(breathe);
      };
      setImmediate(breathe);
      const entries = await run();
      isDone = true;
      expect({ way, entries, breathes: turns >= 20 }).toEqual({
        way,
        entries: 20_000,
        breathes: true,
      });
    }
    await db.close();
  });

  it('may be moved on from within its own answers, deeper than a stack', async () => {
    const db = await filled(20_000);
    const iterator = db.iterator();
    let entries = 0;
    const next = (): Promise<void> =>
      iterator.next().then((entry) => {
        if (entry === undefined) return undefined;
        entries++;
        return next();
      });
    await next();
    expect(entries).toBe(20_000);
    await iterator.close();
    await db.close();
  });

  it('may be left open: close ends it', async () => {
    const db = await filled(100);
    const iterator = db.iterator();
    await iterator.next();
    db.snapshot();
    await db.close();
    await expect(iterator.next()).rejects.toThrow(coded('LEVEL_ITERATOR_NOT_OPEN'));
  });

  it('does not need its database to be held by anybody else', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const db = await filled(2000);
    const location = db.location;
    await db.close();
    const iterator = await (async () => {
      const lost = new SstLevel(location);
      await lost.open();
      return lost.iterator();
    })();
    let entries = 0;
    for (;;) {
      collect();
      const some = await iterator.nextv(500);
      if (some.length === 0) break;
      entries += some.length;
    }
    expect(entries).toBe(2000);
    await iterator.db.close();
  });

  it('stops at the next turn when it is aborted', async () => {
    const db = await filled(20_000);
    const control = new AbortController();
    const all = db.iterator({ signal: control.signal }).all();
    setImmediate(() => control.abort());
    await expect(all).rejects.toThrow(coded('LEVEL_ABORTED'));
    await db.close();
  });
});

describe('a write to SstLevel', () => {
  it('copies buffers before it returns', async () => {
    const db = new SstLevel<Buffer, Buffer>(`${dir.path}/db`, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      writeBufferSize: 2000,
    });
    await db.open();
    const buffer = Buffer.alloc(500);
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 50; i++) {
      buffer.fill(i);
      writes.push(db.put(buffer.subarray(0, 4), buffer));
    }
    await Promise.all(writes);
    const entries = await db.iterator().all();
    expect(entries.map(([key, value]) => [key[0], value.every((byte) => byte === key[0])])).toEqual(
      Array.from({ length: 50 }, (_, i) => [i, true]),
    );
    await db.close();
  });

  it('is on the disk with sync: a killed process has what it was told', async () => {
    const child = fork(`${__dirname}/../../test/abstract-level/write-child.mjs`, [
      `${dir.path}/db`,
    ]);
    let told = -1;
    child.on('message', (n: number) => {
      told = Math.max(told, n);
      if (n === 300) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    const db = new SstLevel(`${dir.path}/db`);
    const keys = await db.keys().all();
    expect(told).toBeGreaterThanOrEqual(300);
    expect(keys.length).toBeGreaterThan(told);
    expect(keys).toEqual(Array.from({ length: keys.length }, (_, i) => String(100_000 + i)));
    await db.close();
  });
});
