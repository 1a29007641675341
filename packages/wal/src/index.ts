/**
 * A write-ahead log of segment files for many Raft logs: checksummed frames, group commit with one
 * fdatasync in flight, recovery that tells a torn tail from rot. {@link Wal} is that log,
 * {@link RecordLog} a plain sequence of records in one file with the same frames. The README has an
 * example that the tests run; FORMAT.md describes the files.
 * @packageDocumentation
 */
export {
  COMPACTED,
  type Corruption,
  type DurableCallback,
  type LogId,
  type LogReader,
  type PinnedSegment,
  type PinningLog,
  type RecoveredLog,
  type RecoveryReport,
  type ScrubStep,
  UNAVAILABLE,
  type WalEntry,
  WalError,
  WalErrorCode,
  type WalOptions,
  type WalStats,
} from './contract.js';
export { dumpWal } from './inspect/dump-wal.js';
export { type VerifyReport, verifyWal } from './inspect/verify-wal.js';
export { RecordLog } from './record-log.js';
export { WalEvent } from './telemetry.js';
export { Wal } from './wal.js';
