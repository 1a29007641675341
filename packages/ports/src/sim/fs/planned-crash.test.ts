import { SimRandom } from '../random.js';
import { SimScheduler } from '../scheduler.js';
import { SimFs } from './sim-fs.js';

const encode = (content: string): Uint8Array => new TextEncoder().encode(content);
const text = (fs: SimFs, path: string): string => new TextDecoder().decode(fs.contents(path));

/** Replaces a file as one should, or with a step left out. */
async function replace(fs: SimFs, content: string, leftOut: string): Promise<void> {
  const temp = fs.open('/temp', 'create');
  temp.writeSync(encode(content), 0, content.length, 0);
  if (leftOut !== 'datasync') await temp.datasync();
  temp.close();
  fs.rename('/temp', '/current');
  if (leftOut !== 'syncDir') await fs.syncDir('/');
}

/** Crashes at each operation in many ways; what was found in the file then, and how often. */
async function crashEverywhere(leftOut: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const note = (what: string): unknown => found.set(what, (found.get(what) ?? 0) + 1);
  const content = 'new'.repeat(400);
  for (let k = 1; k <= 10; k++) {
    const fs = new SimFs({ random: new SimRandom(k) });
    fs.plant('/current', encode('old'));
    fs.crashAtOperation(k);
    let acknowledged = true;
    try {
      await replace(fs, content, leftOut);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ESIMCRASH' });
      acknowledged = false;
    }
    for (let round = 0; round < 20; round++) {
      const after = fs.crashClone({ keepUnsyncedPercent: round * 5, garbage: true });
      const current = text(after, '/current');
      if (current === content) note('new');
      else if (current !== 'old') note('neither');
      else note(acknowledged ? 'old after the acknowledgement' : 'old');
    }
  }
  return found;
}

describe('crashAtOperation', () => {
  it('finds nothing wrong with a replacement that syncs everything', async () => {
    expect([...(await crashEverywhere('nothing')).keys()].sort()).toEqual(['new', 'old']);
  });

  it('finds the torn file if the data is not synced before the rename', async () => {
    expect((await crashEverywhere('datasync')).has('neither')).toBe(true);
  });

  it('finds the old file after the acknowledgement if the directory is not synced', async () => {
    expect((await crashEverywhere('syncDir')).has('old after the acknowledgement')).toBe(true);
  });

  it('stops everything from that operation on, and what was under way', async () => {
    const fs = new SimFs();
    fs.plant('/a', encode('old'));
    const file = fs.open('/a', 'write');
    file.writeSync(encode('new'), 0, 3, 0);
    fs.crashAtOperation(fs.operationCount + 2);
    const syncing = file.datasync();
    const crash = { code: 'ESIMCRASH' };
    expect(fs.crashed).toBe(false);
    expect(() => fs.remove('/a')).toThrow(expect.objectContaining(crash));
    expect(fs.crashed).toBe(true);
    await expect(syncing).rejects.toMatchObject(crash);
    expect(() => fs.list('/')).toThrow(expect.objectContaining(crash));
    expect(() => file.readSync(new Uint8Array(1), 0, 1, 0)).toThrow(expect.objectContaining(crash));
    await expect(file.datasync()).rejects.toMatchObject(crash);
    await expect(fs.lock('/LOCK')).rejects.toMatchObject(crash);
    file.close();
    // The state just before: the name still there, the data not synced.
    expect(text(fs.crashClone(), '/a')).toBe('old');
    expect(text(fs.crashClone({ keepUnsyncedPercent: 100 }), '/a')).toBe('new');
  });

  it('can count mutations alone', () => {
    const fs = new SimFs();
    fs.crashAtMutation(2);
    fs.mkdir('/a');
    fs.list('/a');
    fs.stat('/a');
    expect(() => fs.mkdir('/b')).toThrow(expect.objectContaining({ code: 'ESIMCRASH' }));
    expect(fs.crashClone({ keepUnsyncedPercent: 100 }).list('/')).toEqual(['a']);
  });

  it('can be a verdict of the hook', () => {
    const fs = new SimFs();
    fs.onOperation(({ path }) => (path === '/b' ? { fault: 'crash' } : 'ok'));
    fs.mkdir('/a');
    expect(() => fs.mkdir('/b')).toThrow(expect.objectContaining({ code: 'ESIMCRASH' }));
    expect(fs.crashed).toBe(true);
  });

  it('stops a removeTree half way', () => {
    const fs = new SimFs();
    fs.mkdir('/d');
    for (const name of ['a', 'b', 'c']) fs.plant(`/d/${name}`, new Uint8Array(1));
    fs.crashAtOperation(fs.operationCount + 2);
    expect(() => fs.removeTree('/d')).toThrow();
    expect(fs.crashClone({ keepUnsyncedPercent: 100 }).list('/d')).toEqual(['a', 'b']);
  });

  it('is over after crash(): the machine starts again with what the disk held', async () => {
    const fs = new SimFs({ capacityBytes: 1000 });
    fs.plant('/a', encode('old'));
    await fs.lock('/a');
    const file = fs.open('/a', 'write');
    file.writeSync(new Uint8Array(500), 0, 500, 0);
    fs.failNext({ kind: 'list' }, 'EIO');
    fs.crashAtOperation(fs.operationCount + 1);
    expect(() => file.datasyncSync()).toThrow();
    fs.crash();
    expect(fs.crashed).toBe(false);
    expect(text(fs, '/a')).toBe('old');
    expect(fs.freeBytes('/')).toBe(997);
    expect(fs.list('/')).toEqual(['a']);
    expect(fs.openPaths).toEqual([]);
    const dead = expect.objectContaining({ code: 'EIO' });
    expect(() => file.writeSync(encode('x'), 0, 1, 0)).toThrow(dead);
    expect(() => file.sizeSync()).toThrow(dead);
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    file.close();
    await fs.lock('/a');
  });
});

describe('crash', () => {
  it('rejects what is under way, which then never happens', async () => {
    const scheduler = new SimScheduler();
    const fs = new SimFs({ clock: scheduler.clock() });
    fs.plant('/a', encode('old'));
    const file = fs.open('/a', 'write');
    const writing = file.write(encode('new'), 0, 3, 0);
    const refused = expect(writing).rejects.toMatchObject({ code: 'EIO' });
    fs.crash();
    await refused;
    await scheduler.advance(100);
    expect(text(fs, '/a')).toBe('old');
  });

  it('leaves what was kept durable', () => {
    const fs = new SimFs();
    fs.mkdir('/d');
    fs.crash({ keepUnsyncedPercent: 100 });
    fs.crash();
    expect(fs.list('/')).toEqual(['d']);
  });

  it('goes on with the clock of the restarted node', async () => {
    const scheduler = new SimScheduler();
    const first = scheduler.clock();
    const fs = new SimFs({ clock: first });
    first.close();
    fs.crash({ clock: scheduler.clock() });
    await scheduler.runWhilePending(fs.syncDir('/'));
    const clone = fs.crashClone({ clock: scheduler.clock() });
    await scheduler.runWhilePending(clone.syncDir('/'));
  });
});

describe('crashClone', () => {
  it('shares nothing with its origin', async () => {
    const fs = new SimFs();
    fs.plant('/a', encode('old'));
    fs.plant('/gone', encode('x'));
    const clone = fs.crashClone();
    const file = clone.open('/a', 'write');
    file.writeSync(encode('new'), 0, 3, 0);
    clone.remove('/gone');
    clone.corrupt('/a', 0, 1);
    fs.open('/b', 'create').close();
    expect(text(fs, '/a')).toBe('old');
    expect(fs.list('/')).toEqual(['a', 'b', 'gone']);
    expect(clone.list('/')).toEqual(['a']);
    expect(clone.operationCount).not.toBe(0);
    expect(fs.crashClone().operationCount).toBe(0);
  });

  it('keeps hard links together', () => {
    const fs = new SimFs();
    fs.plant('/a', encode('old'));
    fs.link('/a', '/b');
    const clone = fs.crashClone({ keepUnsyncedPercent: 100 });
    clone.open('/b', 'write').writeSync(encode('new'), 0, 3, 0);
    expect(text(clone, '/a')).toBe('new');
    clone.remove('/a');
    expect(clone.freeBytes('/')).toBe(2 ** 40 - 3);
  });
});

describe('kill', () => {
  it('keeps what was written, synced or not; a power loss after it does not', async () => {
    const fs = new SimFs();
    const file = fs.open('/a', 'create');
    file.writeSync(encode('new'), 0, 3, 0);
    await fs.lock('/LOCK');
    fs.kill();
    expect(text(fs, '/a')).toBe('new');
    expect(() => file.sizeSync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    expect(fs.openPaths).toEqual([]);
    await fs.lock('/LOCK');
    expect(fs.crashClone().list('/')).toEqual([]);
  });

  it('has an asynchronous write that was under way happen or not', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const fs = new SimFs({ random: new SimRandom(seed) });
      fs.plant('/a', encode('old'));
      const writing = fs.open('/a', 'write').write(encode('new'), 0, 3, 0);
      const refused = expect(writing).rejects.toMatchObject({ code: 'EIO' });
      fs.kill();
      await refused;
      seen.add(text(fs, '/a'));
    }
    expect([...seen].sort()).toEqual(['new', 'old']);
  });

  it('frees the space of a removed file that was open', () => {
    const fs = new SimFs({ capacityBytes: 100 });
    fs.plant('/a', new Uint8Array(60));
    const file = fs.open('/a', 'read');
    fs.remove('/a');
    expect(fs.freeBytes('/')).toBe(40);
    fs.kill();
    file.close();
    expect(fs.freeBytes('/')).toBe(100);
  });
});

describe('determinism', () => {
  /** Random work with delays, faults and crashes; answers everything that can be seen of it. */
  async function history(seed: number): Promise<string> {
    const random = new SimRandom(seed);
    const scheduler = new SimScheduler();
    const fs = new SimFs({
      random: random.fork('disk'),
      clock: scheduler.clock(),
      syncDelayMs: [0.1, 3],
      ioDelayMs: [0, 1],
    });
    const faults = random.fork('faults');
    fs.onOperation(() => (faults.chance(0.02) ? 'EIO' : 'ok'));
    const work = random.fork('work');
    const log: string[] = [];
    for (let i = 0; i < 150; i++) {
      const name = `/${work.pick(['a', 'b', 'c'])}`;
      try {
        const file = fs.open(name, fs.stat(name) === null ? 'create' : 'write');
        const bytes = work.bytes(1 + work.int(2000));
        const under = file.write(bytes, 0, bytes.length, work.int(3000));
        under.then(
          () => log.push(`written ${scheduler.nowUs}`),
          () => log.push('not written'),
        );
        if (work.chance(0.5)) await scheduler.runWhilePending(file.datasync());
        if (work.chance(0.3)) await scheduler.runWhilePending(fs.syncDir('/'));
        if (work.chance(0.2)) fs.rename(name, '/d');
        file.close();
      } catch (error) {
        log.push(String(error));
      }
      if (work.chance(0.1)) log.push(fs.crashClone({ keepUnsyncedPercent: 50 }).hash());
      if (work.chance(0.05)) fs.crash({ keepUnsyncedPercent: 30, garbage: true });
      if (work.chance(0.05)) fs.kill();
      log.push(fs.hash());
    }
    return `${log.join('\n')}\n${fs.dump()}`;
  }

  it('gives the same bytes for the same seed, others for another', async () => {
    const first = await history(7);
    expect(await history(7)).toBe(first);
    expect(await history(8)).not.toBe(first);
    // It is worth nothing unless things went wrong.
    expect(first).toContain('EIO');
    expect(first).toContain('not written');
    expect(first).toMatch(/written \d+/);
  });

  it('has a hash that sees bytes, names and what is durable', () => {
    const fs = new SimFs();
    const hashes: string[] = [];
    const note = (): unknown => hashes.push(fs.hash());
    note();
    const file = fs.open('/a', 'create');
    note();
    file.writeSync(encode('x'), 0, 1, 0);
    note();
    fs.corrupt('/a', 0, 1);
    note();
    fs.syncDirSync('/');
    note();
    file.datasyncSync();
    note();
    expect(new Set(hashes).size).toBe(6);
    file.datasyncSync();
    file.close();
    expect(fs.hash()).toBe(hashes[5]);
  });
});
