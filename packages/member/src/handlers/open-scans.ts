import { DougError, limits } from '@dougdb/rpc-proto';

/** A scan takes longer than a request, and so does the wait for one to end. */
const RETRY_AFTER_MS = 200;

/** How many scans are open on one member. */
export class OpenScans {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Runs one more. @throws DougError BUSY above the cap; whatever it throws */
  async run(scan: () => Promise<void>): Promise<void> {
    if (this.#count >= limits.openScans) {
      throw new DougError('BUSY', `${this.#count} scans are open on this node`, {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    this.#count++;
    try {
      await scan();
    } finally {
      this.#count--;
    }
  }
}
