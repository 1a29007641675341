import type { File, FileSystem } from '../src/index.js';

/** A fresh file system and an empty directory in it that exists. */
export interface ContractSubject {
  readonly fs: FileSystem;
  readonly dir: string;
}

/** What every {@link FileSystem} does alike. Durability needs a crash: see the tests of SimFs. */
export function testFileSystem(name: string, make: () => ContractSubject): void {
  describe(`${name} as a FileSystem`, () => {
    let fs: FileSystem;
    let dir: string;
    let opened: File[] = [];

    beforeEach(() => {
      ({ fs, dir } = make());
    });
    afterEach(() => {
      for (const file of opened) file.close();
      opened = [];
    });

    const at = (path: string): string => `${dir}/${path}`;
    const open = (path: string, mode: 'read' | 'write' | 'create'): File => {
      const file = fs.open(at(path), mode);
      opened.push(file);
      return file;
    };
    const put = (path: string, content: string): void => {
      const file = open(path, 'create');
      file.writeSync(encode(content), 0, content.length, 0);
      file.close();
    };
    const get = (path: string): string => {
      const file = open(path, 'read');
      const bytes = new Uint8Array(file.sizeSync()).fill(0x7e);
      expect(file.readSync(bytes, 0, bytes.length, 0)).toBe(bytes.length);
      return decode(bytes);
    };

    describe('open', () => {
      it('creates a file that is empty and readable', () => {
        const file = open('a', 'create');
        expect(file.path).toBe(at('a'));
        expect(file.sizeSync()).toBe(0);
        expect(file.readSync(new Uint8Array(1), 0, 1, 0)).toBe(0);
      });

      it.each(['read', 'write'] as const)('does not make a missing file: %s', (mode) => {
        expect(codeOf(() => open('a', mode))).toBe('ENOENT');
        expect(fs.list(dir)).toEqual([]);
      });

      it('refuses to create a file that is there, and leaves it as it was', () => {
        put('a', 'old');
        expect(codeOf(() => open('a', 'create'))).toBe('EEXIST');
        expect(get('a')).toBe('old');
      });

      it('refuses a file in a missing directory', () => {
        expect(codeOf(() => open('no/a', 'create'))).toBe('ENOENT');
      });

      it('refuses a path through a file', () => {
        put('a', '');
        expect(codeOf(() => open('a/b', 'create'))).toBe('ENOTDIR');
      });

      it.each(['read', 'write'] as const)('refuses a directory: %s', (mode) => {
        fs.mkdir(at('d'));
        expect(codeOf(() => open('d', mode))).toBe('EISDIR');
      });

      it('does not truncate what it opens for writing', () => {
        put('a', 'abc');
        open('a', 'write');
        expect(get('a')).toBe('abc');
      });
    });

    describe('a file', () => {
      it('reads short past the end and nothing beyond', () => {
        put('a', 'abcdef');
        const file = open('a', 'read');
        const target = encode('........');
        expect(file.readSync(target, 1, 6, 4)).toBe(2);
        expect(decode(target)).toBe('.ef.....');
        expect(file.readSync(target, 0, 8, 6)).toBe(0);
        expect(file.readSync(target, 0, 8, 600)).toBe(0);
        expect(file.readSync(target, 0, 0, 0)).toBe(0);
      });

      it('reads and writes asynchronously what it does synchronously', async () => {
        const file = open('a', 'create');
        await file.write(encode('..abcdef..'), 2, 6, 0);
        const target = encode('........');
        await expect(file.read(target, 1, 6, 2)).resolves.toBe(4);
        expect(decode(target)).toBe('.cdef...');
        await expect(file.read(target, 0, 1, 6)).resolves.toBe(0);
      });

      it('fills a gap with zeros', () => {
        const file = open('a', 'create');
        file.writeSync(encode('x'), 0, 1, 3);
        expect(get('a')).toBe('\0\0\0x');
      });

      it('writes over a part and keeps the rest', () => {
        put('a', 'abcdef');
        const file = open('a', 'write');
        file.writeSync(encode('XY'), 0, 2, 2);
        expect(get('a')).toBe('abXYef');
      });

      it('is cut and extended by truncate, and what was cut does not come back', () => {
        put('a', 'abcdef');
        const file = open('a', 'write');
        file.truncateSync(2);
        expect(file.sizeSync()).toBe(2);
        file.truncateSync(4);
        expect(get('a')).toBe('ab\0\0');
        file.writeSync(encode('f'), 0, 1, 5);
        expect(get('a')).toBe('ab\0\0\0f');
      });

      it('can be synced, also when it was opened to read', async () => {
        put('a', 'x');
        const file = open('a', 'read');
        await expect(file.datasync()).resolves.toBeUndefined();
        file.datasyncSync();
      });

      it('refuses to be changed when it was opened to read', async () => {
        put('a', 'abc');
        const file = open('a', 'read');
        expect(codeOf(() => file.writeSync(encode('x'), 0, 1, 0))).toBe('EBADF');
        await expect(file.write(encode('x'), 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
        expect(codeOf(() => file.truncateSync(0))).toBe('EINVAL');
        expect(get('a')).toBe('abc');
      });

      it('refuses everything after close; a second close does nothing', async () => {
        const file = open('a', 'create');
        const byte = new Uint8Array(1);
        file.close();
        file.close();
        expect(codeOf(() => file.readSync(byte, 0, 1, 0))).toBe('EBADF');
        expect(codeOf(() => file.writeSync(byte, 0, 1, 0))).toBe('EBADF');
        expect(codeOf(() => file.truncateSync(0))).toBe('EBADF');
        expect(codeOf(() => file.sizeSync())).toBe('EBADF');
        expect(codeOf(() => file.datasyncSync())).toBe('EBADF');
        await expect(file.read(byte, 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
        await expect(file.write(byte, 0, 1, 0)).rejects.toMatchObject({ code: 'EBADF' });
        await expect(file.datasync()).rejects.toMatchObject({ code: 'EBADF' });
      });

      it('ends what was under way when it was closed', async () => {
        const file = open('a', 'create');
        const writing = file.write(encode('abc'), 0, 3, 0);
        const syncing = file.datasync();
        file.close();
        await Promise.all([writing, syncing]);
        expect(get('a')).toBe('abc');
      });

      it.each([
        ['negative offset', -1, 1, 0],
        ['length past the buffer', 2, 3, 0],
        ['negative length', 0, -1, 0],
        ['negative position', 0, 1, -1],
        ['fractional position', 0, 1, 0.5],
        ['position past 2^53', 0, 1, 2 ** 53],
      ])('refuses a transfer with a %s', async (_name, offset, length, position) => {
        const file = open('a', 'create');
        const buffer = new Uint8Array(4);
        const refused = { code: 'ERR_OUT_OF_RANGE' };
        expect(() => file.readSync(buffer, offset, length, position)).toThrow(RangeError);
        expect(codeOf(() => file.writeSync(buffer, offset, length, position))).toBe(refused.code);
        await expect(file.read(buffer, offset, length, position)).rejects.toMatchObject(refused);
        await expect(file.write(buffer, offset, length, position)).rejects.toMatchObject(refused);
        expect(file.sizeSync()).toBe(0);
      });

      it.each([-1, 0.5, Number.NaN])('refuses a size of %p', (sizeBytes) => {
        expect(codeOf(() => open('a', 'create').truncateSync(sizeBytes))).toBe('ERR_OUT_OF_RANGE');
      });

      it('lives on without a name until it is closed', () => {
        put('a', 'abc');
        const file = open('a', 'write');
        fs.remove(at('a'));
        file.writeSync(encode('X'), 0, 1, 0);
        const target = new Uint8Array(3);
        expect(file.readSync(target, 0, 3, 0)).toBe(3);
        expect(decode(target)).toBe('Xbc');
        expect(fs.stat(at('a'))).toBeNull();
      });
    });

    describe('directories', () => {
      it('makes missing parents and does not mind a directory that is there', () => {
        fs.mkdir(at('a/b/c'));
        fs.mkdir(at('a/b/c'));
        expect(fs.stat(at('a/b/c'))).toEqual({ kind: 'directory', sizeBytes: 0 });
      });

      it('refuses a directory in the place of a file or through one', () => {
        put('a', '');
        expect(codeOf(() => fs.mkdir(at('a')))).toBe('EEXIST');
        expect(codeOf(() => fs.mkdir(at('a/b')))).toBe('ENOTDIR');
      });

      it('lists names by code unit', () => {
        for (const name of ['b', 'a', 'B', '10', '9', 'é', 'a.wal']) put(name, '');
        fs.mkdir(at('aa'));
        expect(fs.list(dir)).toEqual(['10', '9', 'B', 'a', 'a.wal', 'aa', 'b', 'é']);
      });

      it('refuses to list what is missing or a file', () => {
        put('a', '');
        expect(codeOf(() => fs.list(at('no')))).toBe('ENOENT');
        expect(codeOf(() => fs.list(at('a')))).toBe('ENOTDIR');
      });

      it('syncs a directory, and only one that is there', async () => {
        await expect(fs.syncDir(dir)).resolves.toBeUndefined();
        fs.syncDirSync(dir);
        put('a', '');
        await expect(fs.syncDir(at('no'))).rejects.toMatchObject({ code: 'ENOENT' });
        await expect(fs.syncDir(at('a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
        expect(codeOf(() => fs.syncDirSync(at('no')))).toBe('ENOENT');
        expect(codeOf(() => fs.syncDirSync(at('a')))).toBe('ENOTDIR');
      });

      it('removes a tree, and does not mind a missing one', () => {
        fs.mkdir(at('d/e/f'));
        put('d/a', 'x');
        put('d/e/b', 'x');
        put('other', 'x');
        fs.removeTree(at('d'));
        fs.removeTree(at('d'));
        expect(fs.list(dir)).toEqual(['other']);
      });
    });

    describe('stat', () => {
      it('tells kind and size', () => {
        put('a', 'abc');
        expect(fs.stat(at('a'))).toEqual({ kind: 'file', sizeBytes: 3 });
        expect(fs.stat(dir)).toEqual({ kind: 'directory', sizeBytes: 0 });
      });

      it('answers null for what is missing, also below a file', () => {
        put('a', '');
        expect(fs.stat(at('b'))).toBeNull();
        expect(fs.stat(at('no/b'))).toBeNull();
        expect(fs.stat(at('a/b'))).toBeNull();
      });
    });

    describe('rename', () => {
      it('moves a file, also to another directory', () => {
        fs.mkdir(at('d'));
        put('a', 'abc');
        fs.rename(at('a'), at('d/b'));
        expect(fs.list(dir)).toEqual(['d']);
        expect(get('d/b')).toBe('abc');
      });

      it('replaces a file; who has the old one open keeps it', () => {
        put('a', 'new');
        put('b', 'old');
        const old = open('b', 'read');
        fs.rename(at('a'), at('b'));
        expect(fs.list(dir)).toEqual(['b']);
        expect(get('b')).toBe('new');
        const target = new Uint8Array(3);
        old.readSync(target, 0, 3, 0);
        expect(decode(target)).toBe('old');
      });

      it('moves a directory with all it holds', () => {
        fs.mkdir(at('d/e'));
        put('d/e/a', 'x');
        fs.mkdir(at('to'));
        fs.rename(at('d'), at('to/d'));
        expect(get('to/d/e/a')).toBe('x');
        expect(fs.list(dir)).toEqual(['to']);
      });

      it('replaces an empty directory, no other', () => {
        fs.mkdir(at('a'));
        fs.mkdir(at('empty'));
        fs.mkdir(at('full'));
        put('full/x', '');
        expect(['ENOTEMPTY', 'EEXIST']).toContain(codeOf(() => fs.rename(at('a'), at('full'))));
        fs.rename(at('a'), at('empty'));
        expect(fs.list(dir)).toEqual(['empty', 'full']);
      });

      it('does not mix files and directories', () => {
        put('a', '');
        fs.mkdir(at('d'));
        expect(codeOf(() => fs.rename(at('a'), at('d')))).toBe('EISDIR');
        expect(codeOf(() => fs.rename(at('d'), at('a')))).toBe('ENOTDIR');
      });

      it('refuses what is missing, and a directory into itself', () => {
        put('b', 'x');
        expect(codeOf(() => fs.rename(at('a'), at('b')))).toBe('ENOENT');
        expect(codeOf(() => fs.rename(at('b'), at('no/b')))).toBe('ENOENT');
        fs.mkdir(at('d'));
        expect(codeOf(() => fs.rename(at('d'), at('d/e')))).toBe('EINVAL');
        expect(get('b')).toBe('x');
      });

      it('does nothing to a name and itself, or to two names of one file', () => {
        put('a', 'x');
        fs.link(at('a'), at('b'));
        fs.rename(at('a'), at('a'));
        fs.rename(at('a'), at('b'));
        expect(fs.list(dir)).toEqual(['a', 'b']);
      });
    });

    describe('link and remove', () => {
      it('gives one file two names', () => {
        put('a', 'abc');
        fs.link(at('a'), at('b'));
        open('a', 'write').writeSync(encode('X'), 0, 1, 0);
        expect(get('b')).toBe('Xbc');
        fs.remove(at('a'));
        expect(get('b')).toBe('Xbc');
      });

      it('refuses a name that is taken, a missing file, a directory', () => {
        put('a', '');
        put('b', '');
        fs.mkdir(at('d'));
        expect(codeOf(() => fs.link(at('a'), at('b')))).toBe('EEXIST');
        expect(codeOf(() => fs.link(at('no'), at('c')))).toBe('ENOENT');
        expect(codeOf(() => fs.link(at('d'), at('c')))).toBe('EPERM');
      });

      it('refuses to remove what is missing, or a directory', () => {
        fs.mkdir(at('d'));
        expect(codeOf(() => fs.remove(at('no')))).toBe('ENOENT');
        expect(['EISDIR', 'EPERM']).toContain(codeOf(() => fs.remove(at('d'))));
        expect(fs.list(dir)).toEqual(['d']);
      });
    });

    it('tells free space', () => {
      expect(fs.freeBytes(dir)).toBeGreaterThan(0);
      expect(codeOf(() => fs.freeBytes(at('no')))).toBe('ENOENT');
    });

    describe('lock', () => {
      it('excludes a second holder until it is released', async () => {
        const lock = await fs.lock(at('LOCK'));
        await expect(fs.lock(at('LOCK'))).rejects.toMatchObject({ code: 'ELOCKED' });
        await lock.release();
        await lock.release();
        const again = await fs.lock(at('LOCK'));
        await expect(fs.lock(at('LOCK'))).rejects.toMatchObject({ code: 'ELOCKED' });
        // A lock that is gone has no power over the next holder's.
        await lock.release();
        await expect(fs.lock(at('LOCK'))).rejects.toMatchObject({ code: 'ELOCKED' });
        await again.release();
      });

      it('knows the lock by another path to it', async () => {
        fs.mkdir(at('d'));
        const lock = await fs.lock(at('LOCK'));
        await expect(fs.lock(at('d/../LOCK'))).rejects.toMatchObject({ code: 'ELOCKED' });
        await lock.release();
      });

      it('does not mind other locks', async () => {
        const locks = await Promise.all([fs.lock(at('a')), fs.lock(at('b'))]);
        for (const lock of locks) await lock.release();
      });

      it('needs its directory', async () => {
        await expect(fs.lock(at('no/LOCK'))).rejects.toMatchObject({ code: 'ENOENT' });
      });
    });
  });
}

/** The code of what `run` throws; undefined if it throws nothing. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
