import type { Clock, FileSystem, Logger, Metrics, Random } from '@dougdb/ports';
import type {
  AbstractBatchOptions,
  AbstractDatabaseOptions,
  AbstractDelOptions,
  AbstractOpenOptions,
  AbstractPutOptions,
  Transcoder,
} from 'abstract-level';
import type { BlockCache } from '../block-cache.js';
import type { EmbeddedOptions } from '../embedded/embedded-db.js';
import type { MemtableBudget } from '../memtable-budget.js';

/** The outside world of a database. Default: that of Node. */
export interface LevelPorts {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}

/** Options of open(), which may also be given to the constructor. Sizes have the names of classic-level. */
export interface OpenOptions extends AbstractOpenOptions {
  /** Bytes of blocks kept in memory. Default 8 MiB. */
  readonly cacheSize?: number;
  /** Bytes in memory after which they go to a table. Default 16 MiB. */
  readonly writeBufferSize?: number;
  /** Size at which a block is closed. Default 4 KiB. */
  readonly blockSize?: number;
  /** Size at which a table of a compaction is closed. Default 32 MiB. */
  readonly maxFileSize?: number;
  /** A cache that other databases have, too: instead of cacheSize. */
  readonly cache?: BlockCache;
  /** Memory for memtables that other databases take from, too. */
  readonly budget?: MemtableBudget;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** Options of the constructor: those of open(), the encodings, and the outside world. */
export interface DatabaseOptions<K, V>
  extends AbstractDatabaseOptions<K, V>,
    Omit<OpenOptions, 'passive'> {
  /** Default: Node's. */
  readonly ports?: LevelPorts;
}

/** Beside the options of abstract-level. */
export interface AdditionalWriteOptions {
  /** True: on the disk when the promise resolves, with all writes before it. Default false. */
  readonly sync?: boolean | undefined;
}

/** Options of put(). */
export interface PutOptions<K, V> extends AbstractPutOptions<K, V>, AdditionalWriteOptions {}
/** Options of del(). */
export interface DelOptions<K> extends AbstractDelOptions<K>, AdditionalWriteOptions {}
/** Options of batch(). */
export interface BatchOptions<K, V> extends AbstractBatchOptions<K, V>, AdditionalWriteOptions {}

/** Options of approximateSize and compactRange. */
export interface StartEndOptions<K> {
  /** Encoding of start and end. Default: that of the database. */
  readonly keyEncoding?: string | Transcoder.PartialEncoder<K> | undefined;
}

/** What an embedded database is opened with. */
export function embeddedOptions(
  dir: string,
  ports: LevelPorts,
  options: OpenOptions,
): EmbeddedOptions {
  const { cacheSize, writeBufferSize, blockSize, maxFileSize } = options;
  const { cache, budget, logger, metrics, createIfMissing, errorIfExists } = options;
  const create =
    createIfMissing === false ? 'never' : errorIfExists === true ? 'new' : 'if-missing';
  return {
    ...ports,
    dir,
    create,
    ...(cache !== undefined ? { cache } : {}),
    ...(cacheSize !== undefined ? { cacheBytes: cacheSize } : {}),
    ...(writeBufferSize !== undefined ? { memtableBytes: writeBufferSize } : {}),
    ...(blockSize !== undefined ? { blockBytes: blockSize } : {}),
    ...(maxFileSize !== undefined ? { tableBytes: maxFileSize } : {}),
    ...(budget !== undefined ? { budget } : {}),
    ...(logger !== undefined ? { logger } : {}),
    ...(metrics !== undefined ? { metrics } : {}),
  };
}
