import { SimScheduler } from '../scheduler.js';
import type { Operation, OperationKind } from './operation.js';
import { SimFs } from './sim-fs.js';

const text = (fs: SimFs, path: string): string => new TextDecoder().decode(fs.contents(path));
const encode = (content: string): Uint8Array => new TextEncoder().encode(content);

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
}

/** A file with 'old' in it, durable, open for writing. */
function withFile(fs = new SimFs()) {
  fs.plant('/a', encode('old'));
  return { fs, file: fs.open('/a', 'write') };
}

describe('the operation hook', () => {
  it('sees every operation before it happens', async () => {
    const fs = new SimFs();
    const seen: string[] = [];
    fs.onOperation((op) => {
      const where = op.toPath === '' ? op.path : `${op.path} ${op.toPath}`;
      const how = op.blocking ? '' : ' async';
      seen.push(`${op.ordinal} ${op.kind} ${where} ${op.offset}+${op.length}${how}`);
      return 'ok';
    });
    fs.mkdir('/d/e');
    const file = fs.open('d//f', 'create');
    file.writeSync(new Uint8Array(9), 2, 7, 3);
    await file.write(new Uint8Array(4), 0, 4, 10);
    file.readSync(new Uint8Array(5), 0, 5, 1);
    await file.read(new Uint8Array(5), 0, 2, 0);
    await file.datasync();
    file.datasyncSync();
    file.truncateSync(6);
    file.close();
    fs.open('/d/f', 'read').close();
    fs.link('/d/f', '/d/g');
    fs.rename('/d/g', '/d/h');
    fs.remove('/d/h');
    fs.list('/d');
    fs.stat('/none');
    fs.freeBytes('/');
    await fs.syncDir('/d');
    fs.syncDirSync('/');
    await (await fs.lock('/d/f')).release();
    fs.removeTree('/d');
    expect(seen).toEqual([
      '1 mkdir /d 0+0',
      '2 mkdir /d/e 0+0',
      '3 create /d/f 0+0',
      '4 write /d/f 3+7',
      '5 write /d/f 10+4 async',
      '6 read /d/f 1+5',
      '7 read /d/f 0+2 async',
      '8 datasync /d/f 0+0 async',
      '9 datasync /d/f 0+0',
      '10 truncate /d/f 6+0',
      '11 open /d/f 0+0',
      '12 link /d/f /d/g 0+0',
      '13 rename /d/g /d/h 0+0',
      '14 remove /d/h 0+0',
      '15 list /d 0+0',
      '16 stat /none 0+0',
      '17 freeBytes / 0+0',
      '18 syncDir /d 0+0 async',
      '19 syncDir / 0+0',
      '20 lock /d/f 0+0 async',
      '21 remove /d/f 0+0',
      '22 remove /d/e 0+0',
      '23 remove /d 0+0',
    ]);
    expect(fs.operationCount).toBe(23);
    expect(fs.mutationCount).toBe(16);
  });

  it.each<[OperationKind, (fs: SimFs) => unknown]>([
    ['open', (fs) => fs.open('/a', 'read')],
    ['create', (fs) => fs.open('/new', 'create')],
    ['mkdir', (fs) => fs.mkdir('/new')],
    ['list', (fs) => fs.list('/')],
    ['stat', (fs) => fs.stat('/a')],
    ['rename', (fs) => fs.rename('/a', '/new')],
    ['link', (fs) => fs.link('/a', '/new')],
    ['remove', (fs) => fs.remove('/a')],
    ['remove', (fs) => fs.removeTree('/a')],
    ['syncDir', (fs) => fs.syncDirSync('/')],
    ['freeBytes', (fs) => fs.freeBytes('/')],
    ['read', (fs) => fs.open('/a', 'read').readSync(new Uint8Array(1), 0, 1, 0)],
    ['write', (fs) => fs.open('/a', 'write').writeSync(encode('x'), 0, 1, 0)],
    ['datasync', (fs) => fs.open('/a', 'write').datasyncSync()],
    ['truncate', (fs) => fs.open('/a', 'write').truncateSync(0)],
  ])('fails a blocking %s, which then changes nothing', (kind, run) => {
    const { fs } = withFile();
    const before = fs.dump();
    fs.onOperation((op) => (op.kind === kind ? { fault: 'error', code: 'EROFS' } : 'ok'));
    expect(codeOf(() => run(fs))).toBe('EROFS');
    expect(fs.dump()).toBe(before);
    fs.onOperation(null);
    expect(codeOf(() => run(fs))).toBeUndefined();
  });

  it.each<[OperationKind, (fs: SimFs) => Promise<unknown>]>([
    ['syncDir', (fs) => fs.syncDir('/')],
    ['lock', (fs) => fs.lock('/LOCK')],
    ['read', (fs) => fs.open('/a', 'read').read(new Uint8Array(1), 0, 1, 0)],
    ['write', (fs) => fs.open('/a', 'write').write(encode('x'), 0, 1, 0)],
    ['datasync', (fs) => fs.open('/a', 'write').datasync()],
  ])('fails an asynchronous %s, which then changes nothing', async (kind, run) => {
    const { fs } = withFile();
    const before = fs.dump();
    fs.onOperation((op) => (op.kind === kind ? 'EIO' : 'ok'));
    await expect(run(fs)).rejects.toMatchObject({ code: 'EIO' });
    expect(fs.dump()).toBe(before);
    fs.onOperation(null);
    await run(fs);
  });

  it('is not asked about what a rule of failNext has caught', () => {
    const { fs } = withFile();
    const seen: Operation[] = [];
    fs.onOperation((op) => {
      seen.push(op);
      return 'ok';
    });
    fs.failNext({ kind: 'stat', path: '/a' }, 'EIO', 2);
    expect(fs.stat('/b')).toBeNull();
    expect(codeOf(() => fs.stat('/a'))).toBe('EIO');
    expect(codeOf(() => fs.stat('/a'))).toBe('EIO');
    expect(fs.stat('/a')).not.toBeNull();
    expect(seen.map(({ path }) => path)).toEqual(['/b', '/a']);
    fs.failNext({ path: /^\/b/g }, 'ENOSPC');
    expect(fs.stat('/a')).not.toBeNull();
    expect(codeOf(() => fs.stat('/b'))).toBe('ENOSPC');
  });

  it('refuses a fault that means nothing to the operation', async () => {
    const { fs, file } = withFile();
    fs.failNext({ kind: 'list' }, { fault: 'lie' });
    expect(() => fs.list('/')).toThrow(TypeError);
    fs.failNext({ kind: 'datasync' }, { fault: 'short-write', writtenBytes: 1 });
    await expect(file.datasync()).rejects.toThrow(TypeError);
    fs.failNext({ kind: 'write' }, { fault: 'stall' });
    expect(() => file.writeSync(encode('x'), 0, 1, 0)).toThrow(TypeError);
  });
});

describe('a disk that misbehaves', () => {
  it('writes a part and is full', async () => {
    const { fs, file } = withFile();
    fs.failNext({ kind: 'write' }, { fault: 'short-write', writtenBytes: 2 });
    expect(codeOf(() => file.writeSync(encode('12345'), 0, 5, 0))).toBe('ENOSPC');
    expect(text(fs, '/a')).toBe('12d');
  });

  it('writes to another place and says nothing', () => {
    const { fs, file } = withFile();
    fs.failNext({ kind: 'write' }, { fault: 'misdirect', position: 4 });
    file.writeSync(encode('new'), 0, 3, 0);
    expect(text(fs, '/a')).toBe('old\0new');
  });

  it('lies about a datasync: the data stays unsynced, the next one makes it durable', async () => {
    const { fs, file } = withFile();
    file.writeSync(encode('new'), 0, 3, 0);
    fs.failNext({ kind: 'datasync' }, { fault: 'lie' });
    await file.datasync();
    expect(text(fs.crashClone(), '/a')).toBe('old');
    await file.datasync();
    expect(text(fs.crashClone(), '/a')).toBe('new');
  });

  it('lies about a syncDir', async () => {
    const { fs } = withFile();
    fs.rename('/a', '/b');
    fs.failNext({ kind: 'syncDir' }, { fault: 'lie' });
    await fs.syncDir('/');
    expect(fs.crashClone().list('/')).toEqual(['a']);
  });

  it('has room for so many bytes and no more, and again after something was removed', async () => {
    const { fs, file } = withFile(new SimFs({ capacityBytes: 10 }));
    expect(fs.freeBytes('/')).toBe(7);
    expect(codeOf(() => file.writeSync(new Uint8Array(20).fill(1), 0, 20, 3))).toBe('ENOSPC');
    expect(file.sizeSync()).toBe(10);
    expect(fs.freeBytes('/')).toBe(0);
    expect(codeOf(() => fs.open('/b', 'create'))).toBe('ENOSPC');
    expect(codeOf(() => fs.mkdir('/d'))).toBe('ENOSPC');
    expect(codeOf(() => file.truncateSync(11))).toBe('ENOSPC');
    await expect(file.write(encode('x'), 0, 1, 10)).rejects.toMatchObject({ code: 'ENOSPC' });
    // What is there can be written over.
    file.writeSync(encode('0123456789'), 0, 10, 0);
    file.truncateSync(4);
    expect(fs.freeBytes('/')).toBe(6);
    fs.setCapacity(3);
    expect(fs.freeBytes('/')).toBe(0);
    fs.setCapacity(10);
    fs.link('/a', '/b');
    fs.remove('/a');
    fs.remove('/b');
    expect(fs.freeBytes('/')).toBe(6);
    file.close();
    expect(fs.freeBytes('/')).toBe(10);
  });

  it('has the space back that a replaced or removed file had', () => {
    const fs = new SimFs({ capacityBytes: 100 });
    fs.plant('/a', new Uint8Array(10));
    fs.plant('/b', new Uint8Array(20));
    fs.rename('/a', '/b');
    expect(fs.freeBytes('/')).toBe(90);
    fs.plant('/b', new Uint8Array(5));
    expect(fs.freeBytes('/')).toBe(95);
    fs.mkdir('/d');
    fs.rename('/b', '/d/b');
    fs.removeTree('/d');
    expect(fs.freeBytes('/')).toBe(100);
  });

  it('rots: a flipped bit is there for every reader and after a crash', () => {
    const { fs, file } = withFile();
    fs.corrupt('/a', 1, 0x01);
    const target = new Uint8Array(3);
    file.readSync(target, 0, 3, 0);
    expect(new TextDecoder().decode(target)).toBe('omd');
    expect(text(fs.crashClone(), '/a')).toBe('omd');
    expect(() => fs.corrupt('/a', 3, 1)).toThrow(RangeError);
    expect(() => fs.corrupt('/a', -1, 1)).toThrow(RangeError);
    expect(codeOf(() => fs.corrupt('/b', 0, 1))).toBe('ENOENT');
  });

  it('takes its time, in virtual time', async () => {
    const scheduler = new SimScheduler();
    const { fs, file } = withFile(
      new SimFs({ clock: scheduler.clock(), syncDelayMs: 5, ioDelayMs: [1, 2] }),
    );
    fs.failNext({ kind: 'datasync' }, { fault: 'delay', delayMs: 1000 });
    await scheduler.runWhilePending(file.datasync());
    expect(scheduler.nowMs).toBe(1000);
    await scheduler.runWhilePending(file.datasync());
    expect(scheduler.nowMs).toBe(1005);
    await scheduler.runWhilePending(file.write(encode('x'), 0, 1, 0));
    expect(scheduler.nowMs).toBeGreaterThanOrEqual(1006);
    expect(scheduler.nowMs).toBeLessThanOrEqual(1007.001);
    fs.failNext({ kind: 'list' }, { fault: 'delay', delayMs: 1000 });
    expect(fs.list('/')).toEqual(['a']);
  });

  it('stalls until it is released, then does what it should', async () => {
    const { fs, file } = withFile();
    const ended: string[] = [];
    fs.failNext({}, { fault: 'stall' }, 2);
    const writing = file.write(encode('new'), 0, 3, 0).then(() => ended.push('write'));
    const syncing = file.datasync().then(() => ended.push('sync'));
    await file.read(new Uint8Array(1), 0, 1, 0);
    expect(ended).toEqual([]);
    expect(fs.stalledCount).toBe(2);
    expect(text(fs, '/a')).toBe('old');
    fs.releaseStalled();
    await Promise.all([writing, syncing]);
    expect(ended).toEqual(['write', 'sync']);
    expect(fs.stalledCount).toBe(0);
    // The sync began before the write ended: it says nothing of it.
    expect(text(fs, '/a')).toBe('new');
    expect(text(fs.crashClone(), '/a')).toBe('old');
  });

  it('covers with a datasync what was written before it began, not what came during it', async () => {
    const { fs, file } = withFile();
    file.writeSync(encode('1'), 0, 1, 0);
    const syncing = file.datasync();
    file.writeSync(encode('2'), 0, 1, 1);
    await syncing;
    expect(text(fs.crashClone(), '/a')).toBe('1ld');
  });
});

describe('asynchronous operations without a clock', () => {
  it('end in the order of the calls', async () => {
    const { fs, file } = withFile();
    const ended: number[] = [];
    const calls = [
      file.write(encode('1'), 0, 1, 0),
      fs.syncDir('/'),
      file.datasync(),
      file.read(new Uint8Array(1), 0, 1, 0),
    ];
    await Promise.all(calls.map((call, i) => call.then(() => ended.push(i))));
    expect(ended).toEqual([0, 1, 2, 3]);
  });

  it('notice a buffer that was changed under a write', async () => {
    const { file } = withFile();
    const buffer = encode('new');
    const writing = file.write(buffer, 0, 3, 0);
    buffer[0] = 0;
    await expect(writing).rejects.toThrow('was changed before it ended');
  });
});
