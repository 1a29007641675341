import { type FileSystem, silentLogger } from '@dougdb/ports';
import type { Corruption, RecoveredLog, WalErrorCode } from '../contract.js';
import { toWalError } from '../failure.js';
import { SegmentFiles } from '../read/segment-files.js';
import { describeLogs, readStream } from '../recover/read-stream.js';

/** What {@link verifyWal} found. */
export interface VerifyReport {
  /** True if a strict open would succeed and cut nothing. */
  readonly ok: boolean;
  readonly segments: number;
  readonly logs: readonly RecoveredLog[];
  readonly tail: 'clean' | 'torn';
  readonly tornBytes: number;
  readonly corruptions: readonly Corruption[];
  /** Frames lost with their directories. */
  readonly lostFrames: number;
  /** Why the WAL cannot be opened in any mode; null if it can. */
  readonly refusal: {
    readonly code: WalErrorCode;
    readonly message: string;
    readonly file: string | null;
    readonly offset: number | null;
  } | null;
}

/**
 * Reads every byte of a WAL that no process has open and checks every checksum, seal and sequence number.
 * Changes nothing. @throws what the file system throws for a missing directory
 */
export function verifyWal(fs: FileSystem, dir: string): VerifyReport {
  const files = new SegmentFiles(fs, dir);
  fs.list(dir);
  try {
    const { list, logs, damage, tail } = readStream(fs, files, 'replicated', silentLogger);
    const torn = tail?.torn ?? null;
    return {
      ok: damage.found.length === 0 && torn === null,
      segments: list.used.length,
      logs: describeLogs(logs),
      tail: torn === null ? 'clean' : 'torn',
      tornBytes: torn === null ? 0 : torn.to - torn.from,
      corruptions: damage.found,
      lostFrames: damage.lostFrames,
      refusal: null,
    };
  } catch (error) {
    const { code, message, file, offset } = toWalError(error, `cannot read ${dir}`);
    return {
      ok: false,
      segments: 0,
      logs: [],
      tail: 'clean',
      tornBytes: 0,
      corruptions: [],
      lostFrames: 0,
      refusal: { code, message, file, offset },
    };
  } finally {
    files.closeAll();
  }
}
