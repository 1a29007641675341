import type { SimRandom } from '../random.js';
import type { FileInode } from './file-inode.js';
import type { FileChange } from './file-journal.js';
import type { KeepPart } from './unsynced-part.js';

/** A sector is written whole or not at all; a write of several may be torn between any two. */
export interface CrashModel {
  readonly keep: KeepPart;
  readonly sectorBytes: number;
  /** Fills half of the lost sectors of new space with these instead of zeros; null: zeros always. */
  readonly garbage: SimRandom | null;
}

/** Nothing is lost: what stands there is copied as it reads. */
export const KEEP_EVERYTHING: CrashModel = { keep: () => true, sectorBytes: 512, garbage: null };

interface Step {
  readonly change: FileChange;
  readonly after: Uint8Array;
}

/**
 * What the disk holds of a file after a power loss: the durable image, and on it each unsynced
 * change as far as `model.keep` says. A kept sector holds what it held after that write, earlier
 * writes to it included: a disk writes sectors, not ranges.
 */
export function fileAfterCrash(inode: FileInode, path: string, model: CrashModel): Uint8Array {
  if (inode.journal.changes.length === 0 && inode.inFlight.size === 0) return inode.bytes.slice();
  const { steps, image: truth } = rewind(inode);
  const result = truth.slice();
  const lostSectors = new Set<number>();
  const { keep, sectorBytes } = model;
  let size = inode.journal.durableSize;
  let shrunkTo = Number.POSITIVE_INFINITY;

  for (const { change, after } of steps) {
    const { ordinal, offset, sizeAfter } = change;
    truth.set(after, offset);
    if (sizeAfter !== change.sizeBefore) {
      shrunkTo = Math.min(shrunkTo, sizeAfter);
      if (keep({ kind: 'size', path, ordinal, index: 0, count: 1 })) {
        // Sizes are kept in order: this one implies the cuts before it.
        result.fill(0, Math.min(shrunkTo, result.length));
        size = sizeAfter;
        shrunkTo = Number.POSITIVE_INFINITY;
      }
    }
    if (change.truncates || change.length === 0) continue;
    const first = Math.floor(offset / sectorBytes);
    const count = Math.ceil((offset + change.length) / sectorBytes) - first;
    for (let index = 0; index < count; index++) {
      const sector = first + index;
      if (keep({ kind: 'sector', path, ordinal, index, count })) {
        const from = sector * sectorBytes;
        result.set(truth.subarray(from, from + sectorBytes), from);
        lostSectors.delete(sector);
      } else {
        lostSectors.add(sector);
      }
    }
  }

  const bytes = result.slice(0, size);
  if (model.garbage !== null) {
    fillGarbage(bytes, inode.journal.durableSize, lostSectors, sectorBytes, model.garbage);
  }
  return bytes;
}

/** Undoes all unsynced changes; remembers what each of them, the writes in flight too, had made. */
function rewind(inode: FileInode): { steps: Step[]; image: Uint8Array } {
  const { changes, durableSize } = inode.journal;
  let extent = Math.max(inode.size, durableSize);
  for (const { offset, length, sizeBefore, sizeAfter } of changes) {
    extent = Math.max(extent, offset + length, sizeBefore, sizeAfter);
  }
  for (const { position, bytes } of inode.inFlight) {
    extent = Math.max(extent, position + bytes.length);
  }
  const image = new Uint8Array(extent);
  image.set(inode.bytes);

  const steps: Step[] = [];
  for (let i = changes.length - 1; i >= 0; i--) {
    const change = changes[i] as FileChange;
    const end = change.offset + change.length;
    steps.push({ change, after: image.slice(change.offset, end) });
    if (change.before === null) image.fill(0, change.offset, end);
    else image.set(change.before, change.offset);
  }
  steps.reverse();

  let size = inode.size;
  for (const { position, bytes } of inode.inFlight) {
    const sizeAfter = Math.max(size, position + bytes.length);
    const range = { offset: position, length: bytes.length, sizeBefore: size, sizeAfter };
    steps.push({ change: { ...range, truncates: false, before: null, ordinal: 0 }, after: bytes });
    size = sizeAfter;
  }
  return { steps, image };
}

/** A journaling file system may give a file its new size before the data: old blocks show through. */
function fillGarbage(
  bytes: Uint8Array,
  durableSize: number,
  lostSectors: ReadonlySet<number>,
  sectorBytes: number,
  random: SimRandom,
): void {
  for (const sector of lostSectors) {
    const from = Math.max(sector * sectorBytes, durableSize);
    const to = Math.min((sector + 1) * sectorBytes, bytes.length);
    if (from < to && random.chance(0.5)) bytes.set(random.bytes(to - from), from);
  }
}
