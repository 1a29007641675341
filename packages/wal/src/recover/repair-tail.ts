import type { File, FileSystem, Logger } from '@dougdb/ports';
import { hex16, joinPath } from '../segment-name.js';
import { WalEvent } from '../telemetry.js';
import { makeDirDurably } from './durable-dir.js';
import type { TailPlan } from './read-stream.js';
import { rewriteRange } from './rewrite-range.js';

/**
 * Ends the last segment for good, so that the next one may follow it.
 *
 * 1. The torn tail, if there is one, is copied to quarantine, durably. A crash here repeats it.
 * 2. Frames that no promise covers are written again in their places, byte for byte (see
 *    {@link rewriteRange} for the reason). The seal goes behind them, and one datasync makes all of it
 *    durable. A crash here leaves each sector as it was or as it is meant to be: without the seal the
 *    next start finds the same frames and the same torn tail, or what is left of it; with the seal it
 *    finds a sealed segment, and does this step again. What stood behind the seal is cut off; should that
 *    not last, it is never read: no reader goes past a seal, or believes a frame there whose seq is the
 *    next segment's.
 * 3. Only then does the caller write the header of the next segment.
 */
export async function repairTail(
  fs: FileSystem,
  plan: TailPlan,
  quarantineDir: string,
  logger: Logger,
): Promise<void> {
  if (plan.torn !== null) await quarantine(fs, plan, quarantineDir, logger);
  const file = fs.open(plan.path, 'write');
  try {
    rewriteRange(file, plan.from, plan.contentEnd);
    if (plan.isPromise) await file.datasync();
    let end = plan.contentEnd;
    if (plan.seal !== null) {
      file.writeSync(plan.seal, 0, plan.seal.length, end);
      end += plan.seal.length;
    }
    await file.datasync();
    // Not before: a file that is shorter than it was made, and has no seal, has lost something.
    if (file.sizeSync() > end) file.truncateSync(end);
  } finally {
    file.close();
  }
}

async function quarantine(
  fs: FileSystem,
  plan: TailPlan,
  quarantineDir: string,
  logger: Logger,
): Promise<void> {
  const { from, to } = plan.torn ?? { from: 0, to: 0 };
  await makeDirDurably(fs, quarantineDir);
  const bytes = new Uint8Array(to - from);
  const source = fs.open(plan.path, 'read');
  source.readSync(bytes, 0, bytes.length, from);
  source.close();
  const copy = keep(fs, joinPath(quarantineDir, `wal-${hex16(plan.segment)}-${from}`), bytes);
  try {
    await copy.datasync();
  } finally {
    copy.close();
  }
  await fs.syncDir(quarantineDir);
  logger.info(WalEvent.TailCut, {
    file: plan.path,
    offset: from,
    bytes: to - from,
    copy: copy.path,
  });
}

/** A file with these bytes: the one that a start before this one made, or a new one. */
function keep(fs: FileSystem, stem: string, bytes: Uint8Array): File {
  for (let attempt = 0; ; attempt++) {
    const path = attempt === 0 ? `${stem}.torn` : `${stem}-${attempt}.torn`;
    if (fs.stat(path) === null) {
      const file = fs.open(path, 'create');
      file.writeSync(bytes, 0, bytes.length, 0);
      return file;
    }
    const file = fs.open(path, 'write');
    if (holds(file, bytes)) {
      // It may be in the page cache only.
      file.writeSync(bytes, 0, bytes.length, 0);
      return file;
    }
    file.close();
  }
}

function holds(file: File, bytes: Uint8Array): boolean {
  if (file.sizeSync() !== bytes.length) return false;
  const found = new Uint8Array(bytes.length);
  const count = file.readSync(found, 0, found.length, 0);
  return count === found.length && found.every((byte, i) => byte === bytes[i]);
}
