import fs from 'node:fs';
import type { FileLock } from '../file-system.js';
import { lockedBy } from './abstract-socket-lock.js';
import {
  formatIdentity,
  mayBeAlive,
  ownIdentity,
  parseIdentity,
  readText,
} from './process-identity.js';
import { codeOf } from './system-error.js';

const RETRIES = 10;
const held = new Set<string>();

/**
 * A lock for systems without abstract sockets: a file made with O_EXCL that names its process, and
 * is taken over when that process is gone. Weaker than a lock of the kernel: a pid that was given to
 * another process keeps it until someone removes the file. Meant for development machines.
 *
 * @throws PortsError 'ELOCKED' naming the holder's pid
 */
export async function lockByExclusiveFile(path: string): Promise<FileLock> {
  const key = fs.realpathSync(path.slice(0, path.lastIndexOf('/') + 1) || '.') + baseName(path);
  if (held.has(key)) throw lockedBy(path, process.pid);
  const identity = formatIdentity(ownIdentity());
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    if (createExclusive(path, identity)) {
      held.add(key);
      return { release: async () => release(path, key, identity) };
    }
    takeAwayIfStale(path);
  }
  throw lockedBy(path, undefined);
}

function createExclusive(path: string, content: string): boolean {
  try {
    fs.writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function takeAwayIfStale(path: string): void {
  const seen = readText(path);
  if (seen === null) return;
  const holder = parseIdentity(seen);
  // A file without an identity is being written by its maker, or was made by something else.
  if (holder === null) throw lockedBy(path, undefined);
  if (holder.pid !== process.pid && mayBeAlive(holder)) throw lockedBy(path, holder.pid);
  const aside = `${path}.stale-${process.pid}`;
  if (!renameIfThere(path, aside)) return;
  const taken = readText(aside);
  // 1. Two see the stale file. 2. The other takes it away and makes its own. 3. We took that one.
  if (taken !== null && taken !== seen) fs.linkSync(aside, path);
  fs.unlinkSync(aside);
}

function renameIfThere(from: string, to: string): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function release(path: string, key: string, identity: string): void {
  if (!held.delete(key)) return;
  if (readText(path) === identity) fs.unlinkSync(path);
}

function baseName(path: string): string {
  return `/${path.slice(path.lastIndexOf('/') + 1)}`;
}
