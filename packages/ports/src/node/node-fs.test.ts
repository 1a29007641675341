import fs from 'node:fs';
import os from 'node:os';
import { NodeFs } from './node-fs.js';

describe('NodeFs', () => {
  const nodeFs = new NodeFs();
  let dir: string;

  beforeEach(() => {
    dir = fs.mkdtempSync(`${os.tmpdir()}/dougdb-ports-`);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  it('makes files 0600 and directories 0700', () => {
    nodeFs.mkdir(`${dir}/a/b`);
    nodeFs.open(`${dir}/a/b/f`, 'create').close();
    const mode = (path: string): number => fs.statSync(path).mode & 0o777;
    expect([mode(`${dir}/a`), mode(`${dir}/a/b`), mode(`${dir}/a/b/f`)]).toEqual([
      0o700, 0o700, 0o600,
    ]);
  });

  it('goes on after short transfers until all is done', async () => {
    const file = nodeFs.open(`${dir}/f`, 'create');
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    const { writeSync, readSync, write, read } = fs;
    const seven = (length: number): number => Math.min(length, 7);
    // The overloads of node:fs are more than a mock can have: these are the forms that are called.
    type Sync = (fd: number, b: Uint8Array, at: number, length: number, to: number) => number;
    const shortWrite: Sync = (fd, b, at, length, to) => writeSync(fd, b, at, seven(length), to);
    const shortRead: Sync = (fd, b, at, length, to) => readSync(fd, b, at, seven(length), to);
    const spies = [
      jest.spyOn(fs, 'writeSync').mockImplementation(shortWrite as typeof fs.writeSync),
      jest.spyOn(fs, 'readSync').mockImplementation(shortRead as typeof fs.readSync),
    ];
    const target = new Uint8Array(200);
    file.writeSync(bytes, 0, 100, 3);
    expect(file.readSync(target, 50, 150, 3)).toBe(100);
    expect(target.subarray(50, 150)).toEqual(bytes);
    for (const spy of spies) expect(spy.mock.calls.length).toBeGreaterThan(14);

    type Done = (error: Error | null, count: number) => void;
    type Async = (fd: number, b: Uint8Array, at: number, n: number, to: number, d: Done) => void;
    const asyncWrite: Async = (fd, b, at, n, to, done) => write(fd, b, at, seven(n), to, done);
    const asyncRead: Async = (fd, b, at, n, to, done) => read(fd, b, at, seven(n), to, done);
    jest.spyOn(fs, 'write').mockImplementation(asyncWrite as unknown as typeof fs.write);
    jest.spyOn(fs, 'read').mockImplementation(asyncRead as unknown as typeof fs.read);
    await file.write(bytes, 10, 90, 200);
    await expect(file.read(target, 0, 200, 200)).resolves.toBe(90);
    expect(target.subarray(0, 90)).toEqual(bytes.subarray(10));
    file.close();
  });

  it('does not wait for ever for a device that takes nothing', async () => {
    const file = nodeFs.open(`${dir}/f`, 'create');
    jest.spyOn(fs, 'writeSync').mockReturnValue(0);
    const eio = { code: 'EIO' };
    expect(() => file.writeSync(new Uint8Array(1), 0, 1, 0)).toThrow(expect.objectContaining(eio));
    type Done = (error: Error | null, count: number) => void;
    const nothing = (...args: unknown[]): void => (args[5] as Done)(null, 0);
    jest.spyOn(fs, 'write').mockImplementation(nothing as unknown as typeof fs.write);
    await expect(file.write(new Uint8Array(1), 0, 1, 0)).rejects.toMatchObject(eio);
    file.close();
  });

  it('keeps the descriptor while the thread pool uses it', async () => {
    const file = nodeFs.open(`${dir}/f`, 'create');
    const close = jest.spyOn(fs, 'closeSync');
    const writes = [0, 1, 2].map((i) => file.write(Uint8Array.of(i), 0, 1, i));
    file.close();
    expect(close).not.toHaveBeenCalled();
    await Promise.all(writes);
    expect(close).toHaveBeenCalledTimes(1);
    file.close();
    expect(close).toHaveBeenCalledTimes(1);
    expect([...fs.readFileSync(`${dir}/f`)]).toEqual([0, 1, 2]);
  });

  it('closes what it opened when a directory is opened as a file, or synced in vain', async () => {
    const opened = jest.spyOn(fs, 'openSync');
    const closed = jest.spyOn(fs, 'closeSync');
    jest.spyOn(fs, 'fsyncSync').mockImplementation(() => {
      throw Object.assign(new Error('planted'), { code: 'EIO' });
    });
    expect(() => nodeFs.open(dir, 'read')).toThrow();
    expect(() => nodeFs.syncDirSync(dir)).toThrow('planted');
    const descriptors = opened.mock.results.map(({ value }) => value);
    expect(descriptors).toHaveLength(2);
    expect(closed.mock.calls.map(([fd]) => fd)).toEqual(descriptors);
  });

  it('hands on errors of stat other than a missing path', () => {
    expect(() => nodeFs.stat(`${dir}/${'x'.repeat(5000)}`)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });
});
