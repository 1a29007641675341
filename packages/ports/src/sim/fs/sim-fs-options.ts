import type { Clock } from '../../clock.js';
import type { SimRandom } from '../random.js';
import type { DelayMs } from './sim-disk.js';
import type { KeepPart } from './unsynced-part.js';

export interface SimFsOptions {
  /** Draws crash states and delays. Default: seed 1. */
  readonly random?: SimRandom;
  /**
   * Ends asynchronous operations after their delay of virtual time. Without a clock each ends on a
   * microtask, in the order of the calls.
   */
  readonly clock?: Clock;
  /** Of datasync and syncDir; with a clock only. Default 0.5. */
  readonly syncDelayMs?: DelayMs;
  /** Of asynchronous read and write; with a clock only. Default 0.05. */
  readonly ioDelayMs?: DelayMs;
  /** Sum of the sizes of all files. Default 1 TiB. */
  readonly capacityBytes?: number;
}

export interface CrashOptions {
  /**
   * The chance of each unsynced part to be on the disk. 0, the default: only what was synced; 100:
   * everything.
   */
  readonly keepUnsyncedPercent?: number;
  /** Decides instead of chance: for going through crash states one by one. */
  readonly keep?: KeepPart;
  /** What the disk writes whole or not at all. Default 512. */
  readonly sector?: number;
  /** New space whose data was lost holds old blocks' bytes here and there, not zeros only. */
  readonly garbage?: boolean;
  /** The clock of the restarted node, if its old one was closed. Default: the same as before. */
  readonly clock?: Clock;
}
