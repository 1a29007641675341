import type { File, Logger } from '@dougdb/ports';
import type { RecoveryReport } from '../contract.js';
import { WAL_ID_BYTES } from '../format.js';
import type { LogSet } from '../log/log-set.js';
import type { SegmentFiles } from '../read/segment-files.js';
import { joinPath, segmentOf, unfinishedName } from '../segment-name.js';
import type { ResolvedOptions } from '../usage.js';
import { makeDirDurably } from './durable-dir.js';
import { describeLogs, type RecoveredStream, readStream } from './read-stream.js';
import { repairTail } from './repair-tail.js';

/** A WAL at rest: read, its last segment sealed, ready for the next one. */
export interface RecoveredWal {
  readonly walId: Uint8Array;
  readonly logs: LogSet;
  readonly nextSegment: number;
  readonly nextSeq: number;
  readonly previousSealCrc: number;
  readonly durableOldest: number;
  /** A file for the next segment that a former process had made ready. */
  readonly spare: File | null;
  readonly report: RecoveryReport;
}

/**
 * Reads what the last process left and brings it to rest.
 * @throws WalError, and what the file system throws
 */
export async function recoverWal(
  options: ResolvedOptions,
  files: SegmentFiles,
  logger: Logger,
): Promise<RecoveredWal> {
  const { fs, dir, mode, quarantineDir, random } = options;
  await makeDirDurably(fs, dir);
  await syncAll(options, files);
  const stream = readStream(fs, files, mode, logger);
  const { tail, damage } = stream;
  const spare = await tidy(options, files, stream);
  if (tail !== null) await repairTail(fs, tail, quarantineDir, logger);
  const torn = tail?.torn ?? null;
  return {
    walId: tail === null ? random.bytes(WAL_ID_BYTES) : (stream.list.walId ?? new Uint8Array(0)),
    logs: stream.logs,
    nextSegment: stream.nextSegment,
    nextSeq: stream.nextSeq,
    previousSealCrc: stream.previousSealCrc,
    durableOldest: stream.durableOldest,
    spare,
    report: {
      logs: describeLogs(stream.logs),
      tail: torn === null ? 'clean' : 'torn',
      tornBytes: torn === null ? 0 : torn.to - torn.from,
      corruptions: damage.found,
      lostFrames: damage.lostFrames,
    },
  };
}

/** Nothing is decided on data that is in the page cache only. */
async function syncAll(options: ResolvedOptions, files: SegmentFiles): Promise<void> {
  const { fs, dir } = options;
  for (const name of fs.list(dir)) {
    const segment = segmentOf(name);
    if (segment !== null) await files.get(segment).datasync();
  }
  await fs.syncDir(dir);
}

/** Removes what was never used, but for one file that can be the next segment. */
async function tidy(
  options: ResolvedOptions,
  files: SegmentFiles,
  stream: RecoveredStream,
): Promise<File | null> {
  const { fs, dir, segmentBytes } = options;
  const { list, nextSegment } = stream;
  for (const path of list.unfinished) fs.remove(path);
  let kept = false;
  for (const { segment, sizeBytes } of list.blank) {
    const path = files.path(segment);
    files.close(segment);
    if (segment === nextSegment && sizeBytes === segmentBytes) {
      // The former process may have failed to make the name durable, and no later sync of the directory
      // does what a failed one should have done: the name is given anew.
      const away = joinPath(dir, unfinishedName(segment));
      fs.rename(path, away);
      fs.rename(away, path);
      kept = true;
    } else {
      fs.remove(path);
    }
  }
  if (list.unfinished.length + list.blank.length > 0) await fs.syncDir(dir);
  return kept ? fs.open(files.path(nextSegment), 'write') : null;
}
