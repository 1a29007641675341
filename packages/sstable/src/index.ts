/**
 * SSTables and an LSM engine on top of them in TypeScript: memtable, block tables with bloom filters
 * and checksums, a manifest with marker files, leveled compaction. {@link Db} is a sorted, versioned,
 * durable table for a host that has a log of its own; {@link EmbeddedDb} has one, and stands alone;
 * {@link BlockCache} is shared by all of a process.
 * The README has an example that the tests run; FORMAT.md describes the files.
 * @packageDocumentation
 */
export { WriteBatch } from './batch/write-batch.js';
export { BlockCache, type BlockCacheStats } from './block-cache.js';
export {
  type Checkpoint,
  type CheckpointOptions,
  type DbIterator,
  type DbOptions,
  type Found,
  type FreezeOptions,
  type IteratorOptions,
  type KeyBounds,
  type LookOptions,
  type MaybePromise,
  type RangeDeletion,
  type RangeOptions,
  type Sequence,
  SstError,
  SstErrorCode,
  type TableDamage,
  type VersionIterator,
  type VersionsOptions,
  type WarmOptions,
} from './contract.js';
export { Db } from './db.js';
export {
  EmbeddedDb,
  type EmbeddedOptions,
  type EmbeddedStats,
  type WriteOptions,
} from './embedded/embedded-db.js';
export type { DbStats, LevelStats } from './engine/db-stats.js';
export type { PressureState, WritePressure } from './engine/write-pressure.js';
export type { CompactionEvent, DbEvents, FlushEvent } from './events.js';
export type { CompactionReason } from './jobs/compaction-pick.js';
export type { LevelDbContents } from './leveldb/directory.js';
export { exportLevelDb, type LevelDbExport, type LevelDbExportOptions } from './leveldb/export.js';
export { LevelDbReader, type LevelDbReaderOptions } from './leveldb/reader.js';
export { MemtableBudget } from './memtable-budget.js';
export { OpenFiles } from './open-files.js';
export type { Snapshot } from './read/snapshot.js';
export {
  JobScheduler,
  type JobSchedulerOptions,
  type JobSchedulerStats,
} from './scheduling/job-scheduler.js';
export { Scrubber, type ScrubberOptions, type ScrubberStats } from './scrubber.js';
export type { CompressionName } from './table/compression.js';
