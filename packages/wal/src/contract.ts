import type { Clock, FileSystem, Logger, Metrics, Random } from '@dougdb/ports';

/** Names one log in the WAL: a safe integer >= 1, never reused by the host. */
export type LogId = number;

/** One entry of a log. Structurally what a Raft library calls an entry. */
export interface WalEntry {
  readonly index: number;
  readonly term: number;
  /** The host's small integer, 0..255, kept with the entry. */
  readonly type: number;
  /** Up to 64 MiB. */
  readonly data: Uint8Array;
  /** CRC-32 of data, computed by the host; stored beside the entry's identity and checked on every read. */
  readonly checksum: number;
}

/** What {@link import('./wal.js').Wal.open} needs. */
export interface WalOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** Directory of the segments; made if missing. */
  readonly dir: string;
  /** Where a cut tail is copied to before the cut; made when needed. */
  readonly quarantineDir: string;
  /** Size of a segment file, filled with zeros before use: a multiple of 8, 4 KiB to 1 GiB. Default 64 MiB. */
  readonly segmentBytes?: number;
  /**
   * A frame is closed at this size, or at a quarter of a segment. Default 1 MiB. One larger entry still fits
   * (up to 64 MiB).
   */
  readonly maxFrameBytes?: number;
  /** Bytes of recent entries kept in memory for readers. Default 16 MiB. */
  readonly cacheBytes?: number;
  /**
   * With so many bytes queued and not yet durable, append and rewrite are refused (WAL_BUSY) until a sync()
   * calls back: a slow disk must not fill the memory. One larger append is taken when nothing is queued.
   * Default 1 GiB.
   */
  readonly maxQueuedBytes?: number;
  /**
   * When the segments in use take more than this, the oldest one is emptied though a quarter of it is still
   * needed, and onPinned is told of logs that need more. Default eight segments.
   */
  readonly collectAboveBytes?: number;
  /**
   * Told, on a turn of its own, which logs keep the oldest segment while more than collectAboveBytes are in
   * use; once for each segment begun meanwhile. The host should bring these logs to a snapshot and
   * compact them up to their `throughIndex`.
   */
  readonly onPinned?: (pinned: PinnedSegment) => void;
  /**
   * 'strict': damage before the promised tail refuses to open. 'replicated': damaged entries are
   * reported as faulty and stay in place for repair. Default 'strict'.
   */
  readonly mode?: 'strict' | 'replicated';
  /**
   * 'take': holds the lock `LOCK` in the directory while it is open; who else tries gets WAL_LOCKED.
   * 'host': the host sees to it that nobody else opens it. Default 'host'.
   */
  readonly lock?: 'take' | 'host';
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** The oldest segment, and the logs that need it. Segments are removed oldest first: it keeps all others. */
export interface PinnedSegment {
  readonly segment: number;
  /** Size of all segments in use. */
  readonly totalBytes: number;
  /** Most bytes first. */
  readonly logs: readonly PinningLog[];
}

/** What a log has in a segment that is still needed. */
export interface PinningLog {
  readonly id: LogId;
  readonly entries: number;
  /** Of their data. */
  readonly bytes: number;
  /** Nothing of the log is left there when it is compacted up to and with this index. */
  readonly throughIndex: number;
}

/** What was found at open. */
export interface RecoveryReport {
  readonly logs: readonly RecoveredLog[];
  /** 'torn': an unpromised tail was copied to quarantine and cut. */
  readonly tail: 'clean' | 'torn';
  readonly tornBytes: number;
  readonly corruptions: readonly Corruption[];
  /**
   * Frames that are lost with their directories (replicated mode only). If there are any, every log may miss
   * operations, also one that is not listed: its extent is not known, and entries above its commit hint
   * that stood before the damage are listed as faulty, of a term that is not known, unless entries behind
   * them prove that they were not replaced. Told by each open until
   * {@link import('./wal.js').Wal.acceptLoss}.
   */
  readonly lostFrames: number;
}

/** One log as it was found at open. */
export interface RecoveredLog {
  readonly id: LogId;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly commitHint: number;
  /** Entries that are damaged, ascending; term 0 where it is not known (replicated mode only). */
  readonly faulty: readonly { readonly index: number; readonly term: number }[];
}

/** Damage that is not a torn tail, and where it is (offset 0 of the directory: nowhere in particular). */
export interface Corruption {
  readonly file: string;
  readonly offset: number;
  readonly what: string;
}

/** What {@link import('./wal.js').Wal.scrub} has looked at. */
export interface ScrubStep {
  /** Read by this call. */
  readonly bytes: number;
  /** What is damaged there. Its entries are faulty from now on, or were written again. */
  readonly corruptions: readonly Corruption[];
  /** All sealed segments have been looked at: the next call begins with the oldest one. */
  readonly isDone: boolean;
}

/** The index lies below the first entry kept. Same value as raft-core's. */
export const COMPACTED = -1;
/** The index lies above the last entry. Same value as raft-core's. */
export const UNAVAILABLE = -2;

/**
 * One log as its reader sees it: everything appended so far, durable or not (the host knows which by
 * the callbacks of {@link import('./wal.js').Wal.sync}). Synchronous, no exceptions for a wrong index.
 */
export interface LogReader {
  readonly id: LogId;
  /** Index of the first entry kept; lastIndex() + 1 where there is none. */
  firstIndex(): number;
  lastIndex(): number;
  /** Term of an entry or of firstIndex() - 1; COMPACTED or UNAVAILABLE outside. */
  term(index: number): number;
  /**
   * Entries [low, high): at least one, then as many as fit maxBytes of data. The bytes are the WAL's
   * and immutable. 'faulty' when the first one is damaged.
   * @throws WalError WAL_CORRUPT when a read finds damage unknown until now
   */
  entries(low: number, high: number, maxBytes: number): readonly WalEntry[] | -1 | 'faulty';
  /** Highest commit hint appended for this log; 0 when none. */
  commitHint(): number;
  /**
   * Bytes that an earlier process wrote behind the segment of this entry, as far as they were there at the
   * open: what is older than so many bytes, over restarts too. 0 where that is not known.
   */
  bytesBehind(index: number): number;
}

/** Counters since the open, and what waits. */
export interface WalStats {
  /** Segment files in use; the prefilled one is not counted. */
  readonly segments: number;
  /** Bytes of frames written. */
  readonly bytes: number;
  /** Datasyncs of the log. */
  readonly syncs: number;
  /** Bytes queued or written that are not durable yet. */
  readonly queuedBytes: number;
}

/** Called once, when everything queued before is durable, or with the error that ended the WAL. */
export type DurableCallback = (error: WalError | null) => void;

/** Codes of {@link WalError}: branch on these, never on the class or the message. */
export const WalErrorCode = {
  /** Damage that is not a torn tail; file and offset say where. */
  Corrupt: 'WAL_CORRUPT',
  /** A write or fsync failed; nothing after it is durable; terminal. */
  Failed: 'WAL_FAILED',
  /** No space for the next segment; nothing was written; may pass. */
  NoSpace: 'WAL_NO_SPACE',
  /** maxQueuedBytes are queued already; nothing was changed; passes with the next callback of a sync. */
  Busy: 'WAL_BUSY',
  /** Another process has it open. */
  Locked: 'WAL_LOCKED',
  /** The format version is newer than this program. */
  Newer: 'WAL_NEWER_FORMAT',
  Closed: 'WAL_CLOSED',
  /** The caller broke a rule (gap in the indexes, cut below the first index ...); nothing was changed. */
  Usage: 'WAL_USAGE',
} as const;
export type WalErrorCode = (typeof WalErrorCode)[keyof typeof WalErrorCode];

/** What this package throws, and hands to callbacks. `cause` is what the file system threw, if it did. */
export class WalError extends Error {
  readonly code: WalErrorCode;
  readonly file: string | null;
  readonly offset: number | null;

  constructor(
    code: WalErrorCode,
    message: string,
    where: { file?: string; offset?: number; cause?: unknown } = {},
  ) {
    super(message, where.cause === undefined ? undefined : { cause: where.cause });
    this.name = 'WalError';
    this.code = code;
    this.file = where.file ?? null;
    this.offset = where.offset ?? null;
  }
}
