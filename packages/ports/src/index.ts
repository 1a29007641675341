/**
 * What the outside world is to DougDB's packages: small interfaces for files, clock, randomness,
 * workers, logs and metrics, handed in by constructors. Real implementations are in
 * `@dougdb/ports/node`, simulated ones in `@dougdb/ports/sim`.
 * @packageDocumentation
 */
export type { Clock, Timer } from './clock.js';
export { crc32 } from './crc32.js';
export type { File, FileLock, FileStat, FileSystem, OpenMode } from './file-system.js';
export { type LogFields, type Logger, silentLogger } from './logger.js';
export {
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramSpec,
  type Labels,
  type MetricSpec,
  type Metrics,
  silentMetrics,
} from './metrics.js';
export { PortsError, type PortsErrorCode } from './ports-error.js';
export type { Random } from './random.js';
export type { Workers } from './workers.js';
