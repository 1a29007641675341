import fs from 'node:fs';
import net from 'node:net';
import type { FileLock } from '../file-system.js';
import { PortsError } from '../ports-error.js';
import {
  formatIdentity,
  mayBeAlive,
  ownIdentity,
  parseIdentity,
  readText,
} from './process-identity.js';
import { codeOf } from './system-error.js';

const RETRIES = 10;
/** sun_path. Node versions differ in whether they pad a shorter name: a full one is always the same. */
const NAME_BYTES = 108;

/**
 * Node has no flock. On Linux a name in the abstract socket namespace does as well: one process can
 * bind it, and the kernel frees it when that process ends in any way. The name is made of device and
 * inode of the lock file, so every path to it is the same lock.
 *
 * The namespace belongs to a network namespace: two containers that share a directory do not see
 * each other's names. As far as they share pids, the identity in the file still tells.
 *
 * @throws PortsError 'ELOCKED' naming the holder's pid
 */
export async function lockByAbstractSocket(path: string): Promise<FileLock> {
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    // Held open as long as the lock: the inode's number cannot be given to another file meanwhile.
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    try {
      const lock = await lockInode(fd, path);
      if (lock !== null) return lock;
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    fs.closeSync(fd);
  }
  throw new PortsError('ELOCKED', `the lock file ${path} is being replaced again and again`);
}

/** Null if the path has come to mean another file meanwhile. On success the lock owns the fd. */
async function lockInode(fd: number, path: string): Promise<FileLock | null> {
  const inode = inodeName(fs.fstatSync(fd, { bigint: true }));
  const server = await bind(`\0dougdb-lock-${inode}-`.padEnd(NAME_BYTES, '.'), path);
  const now = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  if (now === undefined || inodeName(now) !== inode) {
    await closed(server);
    return null;
  }
  const holder = parseIdentity(fs.readFileSync(fd, 'utf8'));
  if (holder !== null && holder.pid !== process.pid && mayBeAlive(holder)) {
    await closed(server);
    throw lockedBy(path, holder.pid);
  }
  fs.ftruncateSync(fd, 0);
  fs.writeSync(fd, formatIdentity(ownIdentity()), 0);
  let released: Promise<void> | null = null;
  return {
    release() {
      released ??= release(server, fd);
      return released;
    },
  };
}

async function release(server: net.Server, fd: number): Promise<void> {
  // The file stays: removing it would let two processes lock two files of one name.
  fs.ftruncateSync(fd, 0);
  fs.closeSync(fd);
  await closed(server);
}

function bind(name: string, path: string): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.on('error', (error) => {
      const taken = codeOf(error) === 'EADDRINUSE';
      const holder = taken ? parseIdentity(readText(path) ?? '') : null;
      reject(taken ? lockedBy(path, holder?.pid) : error);
    });
    // exclusive: a worker of node:cluster must not share its parent's.
    server.listen({ path: name, exclusive: true }, () => resolve(server));
    server.unref();
  });
}

function closed(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function inodeName({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`;
}

/** The error of a lock that somebody holds. */
export function lockedBy(path: string, pid: number | undefined): PortsError {
  const holder = pid === undefined ? 'another process' : `process ${pid}`;
  return new PortsError('ELOCKED', `${path} is locked by ${holder}: stop it first`);
}
