/**
 * The simulated outside world: a file system that crashes ({@link SimFs}), virtual time
 * ({@link SimScheduler}, {@link SimClock}), seeded randomness ({@link SimRandom}). Same seed and same
 * calls, same bytes.
 * @packageDocumentation
 */
export { type CrashPlan, crashPlans } from './fs/crash-plans.js';
export type { DiskEffect } from './fs/disk-effect.js';
export type {
  Fault,
  Operation,
  OperationHook,
  OperationKind,
  OperationMatch,
  Verdict,
} from './fs/operation.js';
export { type CrashState, type CrashStateOptions, Recording } from './fs/recording.js';
export type { DelayMs } from './fs/sim-disk.js';
export { SimFs } from './fs/sim-fs.js';
export type { CrashOptions, SimFsOptions } from './fs/sim-fs-options.js';
export type { KeepPart, UnsyncedPart } from './fs/unsynced-part.js';
export { SimRandom } from './random.js';
export { type LogLine, type RecordingLogger, recordingLogger } from './recording-logger.js';
export { type RecordingMetrics, recordingMetrics } from './recording-metrics.js';
export { DEFAULT_DRAIN_HOPS, SimScheduler, type SimSchedulerOptions } from './scheduler.js';
export type { SimClock, SimClockOptions } from './sim-clock.js';
export { type SimJob, SimWorkers, type SimWorkersOptions } from './sim-workers.js';
