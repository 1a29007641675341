// The least that a group commit can be: one file of zeros, one buffer, one fdatasync at a time, a promise for
// each append. No segments, no recovery, no index, no readers: what the WAL is measured against.
import { fdatasync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from '@dougdb/ports';

const FILE_BYTES = 64 * 1024 * 1024;

export function openPrototype(dir) {
  const fd = openSync(join(dir, 'prototype'), 'wx+');
  for (let at = 0; at < FILE_BYTES; at += 1024 * 1024) writeSync(fd, Buffer.alloc(1024 * 1024));
  const buffer = Buffer.alloc(4 * 1024 * 1024);
  let [fileAt, used, waiting, isSyncing] = [0, 0, [], false];
  const flush = () => {
    if (fileAt + used > FILE_BYTES) fileAt = 0;
    writeSync(fd, buffer, 0, used, fileAt);
    fileAt += used;
    const told = waiting;
    [used, waiting, isSyncing] = [0, [], true];
    fdatasync(fd, (error) => {
      if (error) throw error;
      isSyncing = false;
      for (const resolve of told) resolve();
      if (used > 0) flush();
    });
  };
  return (data) => {
    if (used === 0 && !isSyncing) queueMicrotask(() => isSyncing || used === 0 || flush());
    buffer.writeUInt32LE(crc32(data), used);
    buffer.writeUInt32LE(data.length, used + 4);
    buffer.set(data, used + 8);
    used += 8 + data.length;
    return new Promise((resolve) => waiting.push(resolve));
  };
}
