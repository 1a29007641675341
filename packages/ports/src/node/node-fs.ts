import fs from 'node:fs';
import { promisify } from 'node:util';
import type { File, FileLock, FileStat, FileSystem, OpenMode } from '../file-system.js';
import { lockByAbstractSocket } from './abstract-socket-lock.js';
import { lockByExclusiveFile } from './exclusive-file-lock.js';
import { NodeFile } from './node-file.js';
import { codeOf, systemError } from './system-error.js';

const FLAGS = { read: 'r', write: 'r+', create: 'wx+' } as const satisfies Record<OpenMode, string>;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const open = promisify(fs.open);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);

/**
 * The real file system. Files are made 0600, directories 0700. Relative paths count from the
 * working directory of the process.
 *
 * The asynchronous methods share libuv's thread pool (4 threads unless UV_THREADPOOL_SIZE says
 * otherwise). On macOS datasync is F_FULLFSYNC, as libuv does it. Windows has no syncDir.
 */
export class NodeFs implements FileSystem {
  open(path: string, mode: OpenMode): File {
    const fd = fs.openSync(path, FLAGS[mode], FILE_MODE);
    if (mode === 'read' && fs.fstatSync(fd).isDirectory()) {
      fs.closeSync(fd);
      throw systemError('EISDIR', 'open', path);
    }
    return new NodeFile(path, fd);
  }

  mkdir(path: string): void {
    fs.mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  }

  list(path: string): string[] {
    return fs.readdirSync(path).sort();
  }

  stat(path: string): FileStat | null {
    try {
      const stat = fs.statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) return null;
      if (stat.isDirectory()) return { kind: 'directory', sizeBytes: 0 };
      return { kind: 'file', sizeBytes: stat.size };
    } catch (error) {
      // A file stands where a directory of the path should be: nothing is there.
      if (codeOf(error) === 'ENOTDIR') return null;
      throw error;
    }
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  link(existing: string, path: string): void {
    fs.linkSync(existing, path);
  }

  remove(path: string): void {
    fs.unlinkSync(path);
  }

  removeTree(path: string): void {
    fs.rmSync(path, { recursive: true, force: true });
  }

  async syncDir(path: string): Promise<void> {
    const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  }

  syncDirSync(path: string): void {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  freeBytes(path: string): number {
    const { bavail, bsize } = fs.statfsSync(path);
    return bavail * bsize;
  }

  /**
   * On Linux the lock is an abstract socket, which the kernel frees with the process; elsewhere a
   * file that names the process, taken over once that process is gone. Both name their holder in the
   * file for people.
   */
  lock(path: string): Promise<FileLock> {
    return process.platform === 'linux' ? lockByAbstractSocket(path) : lockByExclusiveFile(path);
  }
}
