import { SimFs } from './sim-fs.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (fs: SimFs, path: string): string => new TextDecoder().decode(fs.contents(path));

function create(fs: SimFs, path: string, content: string): void {
  const file = fs.open(path, 'create');
  file.writeSync(bytes(content), 0, content.length, 0);
  file.close();
}

async function createDurably(fs: SimFs, path: string, content: string): Promise<void> {
  const file = fs.open(path, 'create');
  file.writeSync(bytes(content), 0, content.length, 0);
  await file.datasync();
  file.close();
  await fs.syncDir(path.slice(0, path.lastIndexOf('/')) || '/');
}

describe('SimFs after a power loss', () => {
  it('has lost data without a name: datasync alone does not keep a new file', async () => {
    const fs = new SimFs();
    const file = fs.open('/a', 'create');
    file.writeSync(bytes('data'), 0, 4, 0);
    await file.datasync();
    expect(fs.crashClone().list('/')).toEqual([]);
    await fs.syncDir('/');
    expect(text(fs.crashClone(), '/a')).toBe('data');
  });

  it('has a name without data: syncDir alone keeps an empty file', async () => {
    const fs = new SimFs();
    create(fs, '/a', 'data');
    await fs.syncDir('/');
    expect(fs.crashClone().stat('/a')).toEqual({ kind: 'file', sizeBytes: 0 });
  });

  it('holds everything at 100 percent', () => {
    const fs = new SimFs();
    fs.mkdir('/d/e');
    create(fs, '/d/e/a', 'x'.repeat(5000));
    fs.rename('/d/e/a', '/d/b');
    fs.link('/d/b', '/d/c');
    expect(fs.crashClone({ keepUnsyncedPercent: 100 }).dump()).toBe(fs.dump());
  });

  it('leaves the old file where a rename was not synced', async () => {
    const fs = new SimFs();
    await createDurably(fs, '/current', 'old');
    await createDurably(fs, '/temp', 'new');
    fs.rename('/temp', '/current');
    expect(text(fs.crashClone(), '/current')).toBe('old');
    await fs.syncDir('/');
    const after = fs.crashClone();
    expect(text(after, '/current')).toBe('new');
    expect(after.list('/')).toEqual(['current']);
  });

  it('has a renamed name over unsynced data: the empty CURRENT file', async () => {
    const fs = new SimFs();
    await createDurably(fs, '/current', 'old');
    create(fs, '/temp', 'new');
    fs.rename('/temp', '/current');
    await fs.syncDir('/');
    expect(text(fs.crashClone(), '/current')).toBe('');
  });

  it('reads as before after a failed datasync, and loses it though the next one succeeds', async () => {
    const fs = new SimFs();
    await createDurably(fs, '/a', 'aaaa');
    const file = fs.open('/a', 'write');
    file.writeSync(bytes('bb'), 0, 2, 0);
    fs.failNext({ kind: 'datasync' }, 'EIO');
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    expect(text(fs, '/a')).toBe('bbaa');
    await file.datasync();
    expect(text(fs.crashClone(), '/a')).toBe('aaaa');
  });
});
