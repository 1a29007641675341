import type { JobSwitch } from '../jobs/job-switch.js';

/** A job's part of the rate. */
export interface RateShare {
  /** The others may write faster from now on. */
  end(): void;
}

/**
 * Divides the bytes that a process may write in a second among its running jobs, by weight. What changes
 * when a job begins or ends is told to the others at once.
 */
export class RateShares {
  readonly #bytesPerSecond: number;
  readonly #running = new Map<JobSwitch, number>();

  /** @param bytesPerSecond - infinite: no limit */
  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  begin(job: JobSwitch, weight: number): RateShare {
    this.#running.set(job, weight);
    this.#divide();
    return {
      end: () => {
        this.#running.delete(job);
        this.#divide();
      },
    };
  }

  #divide(): void {
    if (!Number.isFinite(this.#bytesPerSecond)) return;
    let sum = 0;
    for (const weight of this.#running.values()) sum += weight;
    for (const [job, weight] of this.#running) {
      job.bytesPerSecond = (this.#bytesPerSecond * weight) / sum;
    }
  }
}
