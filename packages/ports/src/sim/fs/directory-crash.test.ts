import fc from 'fast-check';
import { SimRandom } from '../random.js';
import { SimFs } from './sim-fs.js';
import type { UnsyncedPart } from './unsynced-part.js';

const NAMES = ['a', 'b', 'c', 'd'] as const;

type Step = {
  readonly do: 'create' | 'remove' | 'rename' | 'link' | 'sync' | 'sync fails';
  readonly name: string;
  readonly to: string;
};

const steps = (withFailures: boolean): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      do: fc.constantFrom<Step['do'][]>(
        'create',
        'remove',
        'rename',
        'link',
        'sync',
        ...(withFailures ? (['sync fails'] as const) : []),
      ),
      name: fc.constantFrom(...NAMES),
      to: fc.constantFrom(...NAMES),
    }),
    { maxLength: 40 },
  );

/** Does a step if it can be done; every file holds its own mark, durably. */
function perform(fs: SimFs, { do: kind, name, to }: Step, mark: number): void {
  const there = (path: string): boolean => fs.stat(`/${path}`) !== null;
  switch (kind) {
    case 'create': {
      if (there(name)) return;
      const file = fs.open(`/${name}`, 'create');
      file.writeSync(Uint8Array.of(mark), 0, 1, 0);
      file.datasyncSync();
      file.close();
      return;
    }
    case 'remove':
      if (there(name)) fs.remove(`/${name}`);
      return;
    case 'rename':
      if (there(name)) fs.rename(`/${name}`, `/${to}`);
      return;
    case 'link':
      if (there(name) && !there(to)) fs.link(`/${name}`, `/${to}`);
      return;
    case 'sync':
      fs.syncDirSync('/');
      return;
    case 'sync fails':
      fs.failNext({ kind: 'syncDir' }, 'EIO');
      expect(() => fs.syncDirSync('/')).toThrow();
  }
}

/** 'a=1 c=7': names and the marks of their files. */
const look = (fs: SimFs): string =>
  fs
    .list('/')
    .map((name) => `${name}=${fs.contents(`/${name}`).join()}`)
    .join(' ');

const meaning = (fs: SimFs, name: string): string =>
  fs.stat(`/${name}`) === null ? 'nothing' : fs.contents(`/${name}`).join();

describe('a directory after a power loss', () => {
  it('has just the names of the last sync if nothing else is kept', () => {
    fc.assert(
      fc.property(steps(false), (list) => {
        const fs = new SimFs();
        let synced = '';
        list.forEach((step, i) => {
          perform(fs, step, i + 1);
          if (step.do === 'sync') synced = look(fs);
          expect(look(fs.crashClone())).toBe(synced);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('has all names if everything is kept, failed syncs or not', () => {
    fc.assert(
      fc.property(steps(true), (list) => {
        const fs = new SimFs();
        list.forEach((step, i) => {
          perform(fs, step, i + 1);
        });
        expect(look(fs.crashClone({ keepUnsyncedPercent: 100 }))).toBe(look(fs));
      }),
      { numRuns: 200 },
    );
  });

  it('has for each name something it meant since the last sync that succeeded', () => {
    fc.assert(
      fc.property(steps(true), fc.nat(), fc.integer({ min: 1, max: 99 }), (list, seed, percent) => {
        const fs = new SimFs({ random: new SimRandom(seed) });
        const meanings = new Map(NAMES.map((name) => [name, ['nothing']]));
        list.forEach((step, i) => {
          perform(fs, step, i + 1);
          for (const name of NAMES) meanings.get(name)!.push(meaning(fs, name));
        });
        const after = fs.crashClone({ keepUnsyncedPercent: percent });
        for (const name of NAMES) expect(meanings.get(name)).toContain(meaning(after, name));
      }),
      { numRuns: 200 },
    );
  });

  it('may break the order of two changes', async () => {
    const fs = new SimFs();
    fs.open('/first', 'create').close();
    fs.open('/second', 'create').close();
    const seen = new Set<string>();
    for (let i = 0; i < 64; i++) {
      seen.add(fs.crashClone({ keepUnsyncedPercent: 50 }).list('/').join());
    }
    expect([...seen].sort()).toEqual(['', 'first', 'first,second', 'second']);
  });

  it('does not rename half', () => {
    const fs = new SimFs();
    perform(fs, { do: 'create', name: 'a', to: 'a' }, 1);
    perform(fs, { do: 'create', name: 'b', to: 'b' }, 2);
    fs.syncDirSync('/');
    fs.rename('/a', '/b');
    const seen = new Set<string>();
    for (let i = 0; i < 64; i++) seen.add(look(fs.crashClone({ keepUnsyncedPercent: 50 })));
    expect([...seen].sort()).toEqual(['a=1 b=2', 'b=1']);
  });

  it('forgets a name that a failed sync should have kept, until the name changes again', async () => {
    const fs = new SimFs();
    perform(fs, { do: 'create', name: 'a', to: 'a' }, 1);
    fs.failNext({ kind: 'syncDir' }, 'EIO');
    await expect(fs.syncDir('/')).rejects.toMatchObject({ code: 'EIO' });
    await fs.syncDir('/');
    expect(look(fs)).toBe('a=1');
    expect(look(fs.crashClone())).toBe('');
    fs.rename('/a', '/b');
    fs.rename('/b', '/a');
    await fs.syncDir('/');
    expect(look(fs.crashClone())).toBe('a=1');
  });

  it('is gone with what it holds if its own name was not synced', async () => {
    const fs = new SimFs();
    fs.mkdir('/d/e');
    fs.open('/d/e/a', 'create').close();
    await fs.syncDir('/d/e');
    await fs.syncDir('/d');
    expect(fs.crashClone().list('/')).toEqual([]);
    await fs.syncDir('/');
    expect(fs.crashClone().list('/d/e')).toEqual(['a']);
  });

  it('covers only what was there when the sync began', async () => {
    const fs = new SimFs();
    fs.open('/before', 'create').close();
    const syncing = fs.syncDir('/');
    fs.open('/after', 'create').close();
    await syncing;
    expect(fs.crashClone().list('/')).toEqual(['before']);
  });
});

describe('a rename between directories', () => {
  const moved = (): SimFs => {
    const fs = new SimFs();
    fs.mkdir('/from');
    fs.mkdir('/to');
    fs.plant('/from/a', Uint8Array.of(1));
    fs.syncDirSync('/');
    fs.rename('/from/a', '/to/b');
    return fs;
  };
  const names = (fs: SimFs): string => `${fs.list('/from')}|${fs.list('/to')}`;

  it('is durable after both directories were synced, in either order', () => {
    const one = moved();
    one.syncDirSync('/to');
    expect(names(one.crashClone())).toBe('a|b');
    one.syncDirSync('/from');
    expect(names(one.crashClone())).toBe('|b');

    const other = moved();
    other.syncDirSync('/from');
    expect(names(other.crashClone())).toBe('a|');
    other.syncDirSync('/to');
    expect(names(other.crashClone())).toBe('|b');
  });

  it('never loses the file', () => {
    const fs = moved();
    const seen = new Set<string>();
    for (let i = 0; i < 64; i++) seen.add(names(fs.crashClone({ keepUnsyncedPercent: 50 })));
    expect([...seen].sort()).toEqual(['a|', 'a|b', '|b'].sort());
  });

  it('never leaves a directory in two places', () => {
    const fs = new SimFs();
    fs.mkdir('/staging/child/deep');
    fs.mkdir('/live');
    for (const dir of ['/', '/staging', '/staging/child', '/live']) fs.syncDirSync(dir);
    fs.rename('/staging/child', '/live/child');
    const places = (after: SimFs): string => `${after.list('/staging')}|${after.list('/live')}`;
    const seen = new Set<string>();
    for (let i = 0; i < 64; i++) seen.add(places(fs.crashClone({ keepUnsyncedPercent: 50 })));
    expect([...seen].sort()).toEqual(['child|', '|child']);
    fs.syncDirSync('/live');
    expect(places(fs.crashClone())).toBe('|child');
    expect(fs.crashClone().list('/live/child')).toEqual(['deep']);
  });
});

describe('CrashOptions.keep', () => {
  it('goes through crash states one by one: each part names its operation', () => {
    const fs = new SimFs();
    const file = fs.open('/a', 'create');
    file.writeSync(new Uint8Array(1025), 0, 1025, 0);
    fs.link('/a', '/b');
    const parts: UnsyncedPart[] = [];
    fs.crashClone({
      keep: (part) => {
        parts.push(part);
        return true;
      },
    });
    expect(parts.map((p) => `${p.kind} ${p.path} ${p.ordinal} ${p.index}/${p.count}`)).toEqual([
      'name /a 1 0/1',
      'name /b 3 0/1',
      'size /a 2 0/1',
      'sector /a 2 0/3',
      'sector /a 2 1/3',
      'sector /a 2 2/3',
    ]);
  });
});
