import type { File } from '@dougdb/ports';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes file bytes [from, to) again, as they are read. After a failed fsync they may be readable in the
 * page cache without ever having reached the disk, and no later fsync writes pages that the kernel
 * takes for clean: only a new write makes them durable with the next one.
 */
export function rewriteRange(file: File, from: number, to: number): void {
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(0, to - from)));
  for (let at = from; at < to; at += chunk.length) {
    const length = Math.min(chunk.length, to - at);
    const read = file.readSync(chunk, 0, length, at);
    if (read < length) throw new RangeError(`${file.path} became shorter than ${at + length}`);
    file.writeSync(chunk, 0, length, at);
  }
}
