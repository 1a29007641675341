import type { FileSystem } from '../../file-system.js';
import { SimRandom } from '../random.js';
import { SimScheduler } from '../scheduler.js';
import { crashPlans } from './crash-plans.js';
import type { Recording } from './recording.js';
import { SimFs } from './sim-fs.js';
import type { UnsyncedPart } from './unsynced-part.js';

const encode = (content: string): Uint8Array => new TextEncoder().encode(content);
const text = (fs: SimFs, path: string): string => new TextDecoder().decode(fs.contents(path));

/** Keeps by what the part is, not by when it is asked about: the same for a run and for its replay. */
const keepBy =
  (seed: number) =>
  ({ kind, path, ordinal, index }: UnsyncedPart): boolean =>
    new SimRandom(`${seed}/${kind}/${path}/${ordinal}/${index}`).chance(0.5);

/** Does random things to a disk that also fails, lies and is killed; shows it after each of them. */
async function play(
  seed: number,
  moment: (fs: SimFs, position: number) => void,
): Promise<Recording> {
  const random = new SimRandom(seed);
  const scheduler = new SimScheduler();
  const fs = new SimFs({
    random: random.fork('disk'),
    clock: scheduler.clock(),
    syncDelayMs: [0.1, 3],
    ioDelayMs: [0, 1],
    capacityBytes: 20_000,
  });
  fs.mkdir('/d');
  fs.plant('/old', random.bytes(1500));
  fs.link('/old', '/d/linked');
  for (const dir of ['/', '/d']) fs.syncDirSync(dir);
  const recording = fs.record();
  const faults = random.fork('faults');
  fs.onOperation(({ kind, length }) => {
    if (faults.chance(0.9)) return 'ok';
    if (kind === 'write') {
      return faults.chance(0.5)
        ? { fault: 'short-write', writtenBytes: Math.min(length, faults.int(700)) }
        : { fault: 'misdirect', position: faults.int(900) };
    }
    if (kind === 'datasync' || kind === 'syncDir') {
      return faults.chance(0.5) ? { fault: 'lie' } : 'EIO';
    }
    return faults.chance(0.5) ? 'EIO' : 'ok';
  });
  const work = random.fork('work');
  const names = ['/a', '/b', '/old', '/d/c', '/d/linked', '/d/e/f'];
  for (let i = 0; i < 60; i++) {
    const [name, other] = [work.pick(names), work.pick(names)];
    try {
      const choice = work.int(10);
      if (choice === 0) fs.remove(name);
      else if (choice === 1) fs.rename(name, other);
      else if (choice === 2) fs.link(name, other);
      else if (choice === 3) fs.mkdir(work.pick(['/d/e', '/g']));
      else if (choice === 4) fs.removeTree(work.pick(['/d/e', '/g']));
      else if (choice === 5) fs.rename('/d/e', '/g');
      else {
        const file = fs.open(name, fs.stat(name) === null ? 'create' : 'write');
        const bytes = work.bytes(1 + work.int(2000));
        const under = file.write(bytes, 0, bytes.length, work.int(3000));
        under.catch(() => undefined);
        if (work.chance(0.3)) file.writeSync(bytes, 0, bytes.length, work.int(3000));
        if (work.chance(0.2)) file.truncateSync(work.int(3000));
        if (work.chance(0.5)) void file.datasync().catch(() => undefined);
        if (work.chance(0.3)) file.datasyncSync();
        file.close();
      }
      if (work.chance(0.3)) void fs.syncDir(work.pick(['/', '/d'])).catch(() => undefined);
      if (work.chance(0.3)) fs.syncDirSync(work.pick(['/', '/d', '/d/e']));
      if (work.chance(0.05) && (fs.stat('/old')?.sizeBytes ?? 0) > 0) fs.corrupt('/old', 0, 0x10);
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^E/) });
    }
    if (work.chance(0.5)) await scheduler.advance(work.next() * 3);
    if (work.chance(0.03)) fs.kill();
    if (work.chance(0.05)) fs.plant('/planted', work.bytes(100));
    moment(fs, recording.length);
  }
  return recording;
}

describe('a recording', () => {
  it('makes the disk of every moment again, with what a power loss then keeps and loses', async () => {
    let unsynced = 0;
    for (let seed = 1; seed <= 4; seed++) {
      const moments: { position: number; durable: string; torn: string }[] = [];
      const recording = await play(seed, (fs, position) => {
        const durable = fs.crashClone().dump();
        const torn = fs.crashClone({ keep: keepBy(seed), sector: 256 }).dump();
        if (durable !== torn) unsynced++;
        moments.push({ position, durable, torn });
      });
      for (const { position, durable, torn } of moments) {
        expect(recording.diskAt(position).dump()).toBe(durable);
        expect(recording.diskAt(position, { keep: keepBy(seed), sector: 256 }).dump()).toBe(torn);
      }
    }
    expect(unsynced).toBeGreaterThan(80);
  });

  it('begins with what is there, and ends with a crash', () => {
    const fs = new SimFs();
    fs.plant('/a', encode('old'));
    fs.open('/b', 'create').close();
    const recording = fs.record();
    const file = fs.open('/a', 'write');
    file.writeSync(encode('new'), 0, 3, 0);
    expect(recording.length).toBe(1);
    expect(recording.effects).toEqual([
      { effect: 'write', path: '/a', file: 1, position: 0, bytes: encode('new'), ordinal: 3 },
    ]);
    expect(recording.diskAt(0).list('/')).toEqual(['a', 'b']);
    expect(text(recording.diskAt(1), '/a')).toBe('old');
    expect(text(recording.diskAt(1, { keepUnsyncedPercent: 100 }), '/a')).toBe('new');
    fs.crash();
    fs.open('/c', 'create').close();
    expect(recording.length).toBe(1);
    const next = fs.record();
    fs.remove('/c');
    expect(next.length).toBe(1);
  });

  it('keeps the bytes of a write, whatever becomes of the buffer', () => {
    const fs = new SimFs();
    const recording = fs.record();
    const buffer = encode('12345');
    const file = fs.open('/a', 'create');
    file.writeSync(buffer, 1, 3, 0);
    buffer.fill(0);
    expect(text(recording.diskAt(2, { keepUnsyncedPercent: 100 }), '/a')).toBe('234');
  });

  it('knows a write that has not ended: any part of it may be there', () => {
    const fs = new SimFs({ clock: new SimScheduler().clock() });
    fs.plant('/a', encode('old'));
    const recording = fs.record();
    void fs.open('/a', 'write').write(encode('new'), 0, 3, 0);
    const seen = [...recording.crashStates()].map((state) => text(state.disk(), '/a'));
    expect([...new Set(seen)].sort()).toEqual(['new', 'old']);
  });

  it('has states that share nothing', () => {
    const fs = new SimFs();
    const recording = fs.record();
    fs.open('/a', 'create').close();
    const [state] = [...recording.crashStates({ positions: [1] })].filter(({ label }) =>
      label.endsWith('all'),
    );
    const one = state!.disk();
    one.remove('/a');
    expect(state!.disk().list('/')).toEqual(['a']);
    expect(state).toMatchObject({
      position: 1,
      label: 'position 1, after create /a (#1); kept: all',
      dump: expect.stringContaining('/a file 0'),
    });
  });
});

/** Replaces a file as one should, or with a step left out; the crash states that are wrong. */
async function wrongStates(leftOut: string): Promise<string[]> {
  const fs = new SimFs();
  fs.plant('/current', encode('old'));
  const recording = fs.record();
  const content = 'new'.repeat(400);
  await replace(fs, content, leftOut);
  const acknowledgedAt = recording.length;
  const wrong: string[] = [];
  for (const { position, label, disk } of recording.crashStates()) {
    const current = text(disk(), '/current');
    if (current !== content && (current !== 'old' || position >= acknowledgedAt)) wrong.push(label);
  }
  return wrong;
}

async function replace(fs: FileSystem, content: string, leftOut: string): Promise<void> {
  const temp = fs.open('/temp', 'create');
  temp.writeSync(encode(content), 0, content.length, 0);
  if (leftOut !== 'datasync') await temp.datasync();
  temp.close();
  fs.rename('/temp', '/current');
  if (leftOut !== 'syncDir') await fs.syncDir('/');
}

describe('crash states', () => {
  it('of a protocol that syncs everything are right', async () => {
    expect(await wrongStates('nothing')).toEqual([]);
  });

  it('find the torn file if the data is not synced before the rename', async () => {
    const wrong = await wrongStates('datasync');
    expect(wrong).toContain('position 3, after rename /temp (#3); kept: names alone');
    expect(wrong).toContain('position 3, after rename /temp (#3); kept: all, of #2 2 of 3 sectors');
  });

  it('are drawn as well if asked to, the same for the same seed', () => {
    const fs = new SimFs();
    const recording = fs.record();
    for (const name of ['a', 'b', 'c', 'd']) fs.open(`/${name}`, 'create').close();
    const drawn = (seed: number): string[] => {
      const random = new SimRandom(seed);
      const states = recording.crashStates({ positions: [4], drawn: { count: 40, random } });
      return [...states].map(({ dump }) => dump);
    };
    // Nothing, all, each alone, all but each; and the six pairs.
    expect(drawn(1)).toHaveLength(16);
    expect(drawn(1)).toEqual(drawn(1));
    expect([...recording.crashStates({ positions: [4] })]).toHaveLength(10);
  });

  it('find the old file after the acknowledgement if the directory is not synced', async () => {
    expect(await wrongStates('syncDir')).toContain(
      'position 5, after rename /temp (#4); kept: nothing',
    );
  });
});

describe('crashPlans', () => {
  const part = (
    kind: UnsyncedPart['kind'],
    ordinal: number,
    index = 0,
    count = 1,
  ): UnsyncedPart => ({
    kind,
    path: '/a',
    ordinal,
    index,
    count,
  });

  it('has one plan where nothing is unsynced', () => {
    expect(crashPlans([])).toHaveLength(1);
  });

  it('loses and keeps each operation alone, and tears each write of several sectors', () => {
    const parts = [
      part('name', 1),
      part('size', 2),
      ...[0, 1, 2, 3].map((i) => part('sector', 2, i, 4)),
    ];
    const kept = new Map(
      crashPlans(parts).map(({ label, keep }) => [label, parts.map(keep).map(Number).join('')]),
    );
    expect(Object.fromEntries(kept)).toEqual({
      nothing: '000000',
      all: '111111',
      'names alone': '100000',
      'data alone': '011111',
      'all but data': '110000',
      'all but sizes': '101111',
      'all but #1': '011111',
      '#1 alone': '100000',
      'all but #2': '100000',
      '#2 alone': '011111',
      'all, of #2 1 of 4 sectors': '111000',
      'all, of #2 2 of 4 sectors': '111100',
      'all, of #2 3 of 4 sectors': '111110',
      'all, of #2 all but the first sector': '110111',
    });
  });
});
