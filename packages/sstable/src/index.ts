/**
 * SSTables and an LSM engine on top of them in TypeScript: memtable, block tables with bloom filters
 * and checksums, a manifest with marker files, leveled compaction.
 * @packageDocumentation
 */
export { BlockCache } from './block-cache.js';
export {
  type DbIterator,
  type DbOptions,
  type Found,
  type IteratorOptions,
  type MaybePromise,
  type Sequence,
  SstError,
  SstErrorCode,
} from './contract.js';
export { Db, type DbStats } from './db.js';
