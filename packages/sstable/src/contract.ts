import type { Clock, FileSystem, Logger, Metrics, Random } from '@dougdb/ports';
import type { BlockCache } from './block-cache.js';
import type { DbEvents } from './events.js';
import type { MemtableBudget } from './memtable-budget.js';
import type { OpenFiles } from './open-files.js';
import type { Snapshot } from './read/snapshot.js';
import type { JobScheduler } from './scheduling/job-scheduler.js';
import type { Scrubber } from './scrubber.js';
import type { CompressionName } from './table/compression.js';

/** A value or a promise of it: callers test for the promise only where a read had to wait for a disk. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Position of a write in a database: a safe integer < 2^48 assigned by the host, growing by at least
 * one with each command; a key is written at most once at one sequence.
 */
export type Sequence = number;

/** A range of keys: `start` is in it (null: from the first key), `end` is not (null: to the last key). */
export interface KeyBounds {
  readonly start: Uint8Array | null;
  readonly end: Uint8Array | null;
}

/** Limits of a range. What is left out does not limit; of several the narrowest counts. */
export interface RangeOptions {
  /** First key, inclusive. The same as gte. */
  readonly start?: Uint8Array;
  /** End key, exclusive. The same as lt. */
  readonly end?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly lt?: Uint8Array;
}

export interface DbOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** Directory of manifest and tables; made if missing. */
  readonly dir: string;
  /** Where files that failed a check are moved by the host's order. */
  readonly quarantineDir: string;
  /** What the host calls this database (cluster, partition, replica). Stands in the manifest; a mismatch refuses to open. */
  readonly identity: Uint8Array;
  /** Shared by all databases of a process. */
  readonly cache: BlockCache;
  /**
   * Opens what is there and changes nothing on the disk: no new manifest, no removal, no compaction;
   * writes throw SST_USAGE. It wants a database that nobody else writes meanwhile. Default false.
   */
  readonly readOnly?: boolean;
  /**
   * Clips the database: keys outside are invisible from now on, cannot be written, and compaction drops
   * them. They can be narrowed, never widened again. Default: as the manifest says, or all keys.
   */
  readonly bounds?: KeyBounds;
  /** A memtable at this size asks to be frozen. Default 16 MiB. */
  readonly memtableBytes?: number;
  /** Shared by all databases of a process. Default: no bound beside memtableBytes. */
  readonly budget?: MemtableBudget;
  /** Shared by all databases of a process. Default: one of its own, whose jobs run on the loop. */
  readonly scheduler?: JobScheduler;
  /** Shared by all databases of a process. Default: each table keeps its file open. */
  readonly openFiles?: OpenFiles;
  /** Reads over the tables of all databases of a process. Default: nobody does. */
  readonly scrubber?: Scrubber;
  /** Uncompressed size at which a data block is closed. Default 4 KiB. */
  readonly blockBytes?: number;
  /**
   * Of the data blocks in tables of level 2 and deeper, where nine tenths of the data are and seldom change:
   * 'deflate-raw' halves text and costs some 40 µs a block when it is written, 20 µs when it is read from the
   * file. Tables that stand already, or only change their level, stay as they are. Default 'none'.
   */
  readonly compression?: CompressionName;
  /**
   * A table whose index outgrows this gets an index of two levels: its parts, and the filter's, come into the
   * block cache one by one and may leave it. Default 64 KiB: tables up to some 8 MiB stay with one level.
   */
  readonly indexBytes?: number;
  /** Size at which a table of a compaction is closed. Default 32 MiB. */
  readonly tableBytes?: number;
  /** Tables in level 0 that start a compaction. Default 4. */
  readonly level0Tables?: number;
  /**
   * Bytes that the level may hold into which level 0 is compacted; each level below holds ten times more,
   * the last one takes the rest. Default 64 MiB.
   */
  readonly level1Bytes?: number;
  /** Work of flush and compaction on the loop is cut into slices of this length. Default 2 ms. */
  readonly sliceMs?: number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /**
   * A flush was installed: the manifest names this host state durably. In order of the freezes. The bytes
   * are the database's: not to be changed.
   */
  readonly onInstalled?: (hostState: Uint8Array) => void;
  /** A background error by severity (S13). After 'fatal' the process must end. */
  readonly onBackgroundError?: (severity: 'retried' | 'stopped' | 'fatal', error: SstError) => void;
  /**
   * A check of a table failed, in the background or by `checkTable`: once for each table. The host decides: see
   * `Db.quarantine`.
   */
  readonly onCorruption?: (damage: TableDamage) => void;
  /** Told of what happens in the background. */
  readonly events?: DbEvents;
}

/** A table that failed a check. */
export interface TableDamage {
  /** Number in its file name. */
  readonly table: number;
  /** With file and offset. */
  readonly error: SstError;
}

/**
 * What get and iterators find. `value` is a copy that belongs to the caller; as with Node's small Buffers, its
 * ArrayBuffer may hold other values, too.
 */
export interface Found {
  readonly value: Uint8Array;
  readonly sequence: Sequence;
  /** True if it was written by `putMarked`. */
  readonly marked: boolean;
}

export interface IteratorOptions extends RangeOptions {
  readonly reverse?: boolean;
  /** Sees nothing newer. Default: everything applied at creation. */
  readonly sequence?: Sequence;
  /** Sees what the snapshot does; `sequence` must be left out. */
  readonly snapshot?: Snapshot;
  /** Leaves `value` empty and does not read it. */
  readonly keysOnly?: boolean;
}

export interface WarmOptions extends RangeOptions {
  readonly reverse?: boolean;
  /** Blocks of each table of level 0, and of each level below, at least 1. */
  readonly blocks: number;
}

export interface LookOptions {
  /** Sees nothing newer. Default: everything applied. */
  readonly sequence?: Sequence;
  /** Sees what the snapshot does; `sequence` must be left out. */
  readonly snapshot?: Snapshot;
  /** Leaves `value` empty. */
  readonly keysOnly?: boolean;
}

export interface VersionsOptions extends RangeOptions {
  /** Versions above this sequence, which must not lie below the history floor (but see `shows`). */
  readonly after: Sequence;
  /** Versions up to this sequence. Default: everything applied. */
  readonly through?: Sequence;
  /**
   * 'newest': of each key only its newest version up to `through`, and only if that is above `after`. `after` may
   * then lie below the history floor, `through` not. Deletions below the floor may be missing. Default 'all'.
   */
  readonly shows?: 'all' | 'newest';
}

/**
 * All versions of a range of keys that are newer than a sequence, deletions included: by key, and of one
 * key the newest first. Starts before the first one: call next() first. Must be closed.
 */
export interface VersionIterator {
  /** Moves on; false at the end. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  next(): boolean;
  /**
   * As next(), for a caller that must not be away for long: passes over at most so many versions that are not
   * shown. 'passing': it stands nowhere, step() again goes on.
   */
  step(most: number): 'at' | 'passing' | 'end';
  /** Key here; a view that is valid until the next move. */
  key(): Uint8Array;
  /** Value here, empty for a deletion; a view that is valid until the next move. */
  value(): Uint8Array;
  sequence(): Sequence;
  kind(): 'set' | 'delete';
  /** True if the version was written by `putMarked`. */
  marked(): boolean;
  close(): void;
}

/** What deleteRange did. */
export interface RangeDeletion {
  /** Keys that were there and are deleted now. */
  readonly deleted: number;
  /** First key of the range that is still there; null: the whole range is empty. */
  readonly resumeKey: Uint8Array | null;
}

export interface FreezeOptions {
  /** Narrows the database from here on, durably with this freeze; see DbOptions.bounds. */
  readonly bounds?: KeyBounds;
}

/** How a checkpoint differs from the database that it is made of. What is left out stays the same. */
export interface CheckpointOptions {
  readonly identity?: Uint8Array;
  readonly hostState?: Uint8Array;
  /** Must lie inside the bounds of the database. Tables without a key inside are left out. */
  readonly bounds?: KeyBounds;
}

export interface Checkpoint {
  readonly dir: string;
  readonly tables: number;
  readonly bytes: number;
  /** Tables that had to be copied, for want of a hard link. */
  readonly copiedTables: number;
  readonly hostState: Uint8Array | null;
  readonly lastSequence: Sequence;
}

/**
 * A consistent view in key order. Starts before the first position: call next() first. Sees what was
 * applied when it was made. Must be closed, or files are kept for ever.
 */
export interface DbIterator {
  /** Moves on; false at the end. @throws SstError SST_CORRUPT */
  next(): boolean;
  /**
   * As next(), for a caller that must not be away for long: passes over at most so many versions that are not
   * shown, as deletions and what is older. 'passing': it stands nowhere, step() again goes on.
   */
  step(most: number): 'at' | 'passing' | 'end';
  /** Moves to the first key >= target (reverse: <= target) inside the bounds; false if there is none. */
  seek(target: Uint8Array): boolean;
  /** Key here; a view that is valid until the next move. */
  key(): Uint8Array;
  /** Value here; a view that is valid until the next move. */
  value(): Uint8Array;
  sequence(): Sequence;
  /** True if the version was written by `putMarked`. */
  marked(): boolean;
  close(): void;
}

export const SstErrorCode = {
  /** A check failed: file and offset say where. */
  Corrupt: 'SST_CORRUPT',
  /** A write or fsync failed. */
  Io: 'SST_IO',
  NoSpace: 'SST_NO_SPACE',
  Newer: 'SST_NEWER_FORMAT',
  /** Another database's files. */
  Foreign: 'SST_FOREIGN',
  Closed: 'SST_CLOSED',
  /** There is no database in the directory. */
  Missing: 'SST_MISSING',
  /** There is one, and it should have been made. */
  Exists: 'SST_EXISTS',
  /** A living process, or this one, has it open. */
  Locked: 'SST_LOCKED',
  Usage: 'SST_USAGE',
} as const;
export type SstErrorCode = (typeof SstErrorCode)[keyof typeof SstErrorCode];

export class SstError extends Error {
  readonly code: SstErrorCode;
  readonly file: string | null;
  readonly offset: number | null;

  constructor(
    code: SstErrorCode,
    message: string,
    where: { file?: string; offset?: number; cause?: unknown } = {},
  ) {
    super(message, where.cause === undefined ? undefined : { cause: where.cause });
    this.name = 'SstError';
    this.code = code;
    this.file = where.file ?? null;
    this.offset = where.offset ?? null;
  }
}
