import type { Workers } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { JobThreads } from './job-threads.js';
import { Lane } from './lane.js';
import { RateShares } from './rate-shares.js';

export interface JobSchedulerOptions {
  /**
   * Threads for flushes and compactions: `TableWorkers` of `@dougdb/sstable/node`. They open files by
   * themselves, so the databases must be on `NodeFs`. Left out: the jobs run in slices on the loop.
   */
  readonly workers?: Workers | null;
  /** Flushes that write at the same time. Default 2. */
  readonly maxFlushes?: number;
  /** Compactions that write at the same time. Default 1. */
  readonly maxCompactions?: number;
  /**
   * Bytes that flushes and compactions together write in a second at most. A flush gets three times as
   * much as a compaction that runs beside it. Default: no limit.
   */
  readonly bytesPerSecond?: number;
}

export interface JobSchedulerStats {
  readonly runningFlushes: number;
  readonly waitingFlushes: number;
  readonly runningCompactions: number;
  readonly waitingCompactions: number;
  /** False where jobs run on the loop. */
  readonly hasThreads: boolean;
}

/**
 * Decides which database of a process may flush and compact next, and where that runs. The most urgent goes
 * first, and one that is always behind does not keep the others from their turn. One for all databases.
 */
export class JobScheduler {
  /** @internal */
  readonly flushes: Lane;
  /** @internal */
  readonly compactions: Lane;
  /** @internal Reading over tables, one at a time. */
  readonly checks = new Lane(1);
  /** @internal */
  readonly threads: JobThreads;
  /** @internal */
  readonly rate: RateShares;

  /** @throws SstError SST_USAGE for an option that makes no sense */
  constructor(options: JobSchedulerOptions = {}) {
    const { maxFlushes = 2, maxCompactions = 1 } = options;
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = options;
    for (const [name, value] of Object.entries({ maxFlushes, maxCompactions, bytesPerSecond })) {
      if (value > 0) continue;
      throw new SstError(SstErrorCode.Usage, `${name} is ${value}, must be above 0`);
    }
    this.flushes = new Lane(maxFlushes);
    this.compactions = new Lane(maxCompactions);
    this.threads = new JobThreads(options.workers ?? null);
    this.rate = new RateShares(bytesPerSecond);
  }

  stats(): JobSchedulerStats {
    return {
      runningFlushes: this.flushes.running,
      waitingFlushes: this.flushes.waiting,
      runningCompactions: this.compactions.running,
      waitingCompactions: this.compactions.waiting,
      hasThreads: this.threads.isUsable,
    };
  }
}
