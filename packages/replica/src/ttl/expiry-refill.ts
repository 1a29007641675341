import type { Clock } from '@dougdb/ports';
import type { Db, VersionIterator } from '@dougdb/sstable';
import { expiresAtOf } from '../format/stored-value.js';
import type { ExpiryQueue } from './expiry-queue.js';

/** The clock is asked after so many versions. */
const VERSIONS_PER_GLANCE = 64;
/** Versions that are passed over before the clock is asked, where nothing is found. */
const STEPS_PER_GLANCE = 256;

/**
 * Reads the keys that have a time from the database into a queue, as of one moment, in slices: what is written
 * meanwhile comes into the queue by itself. A key that was overwritten meanwhile may come in as it was: whoever
 * proposes its expiry learns that it is not so any more.
 */
export class ExpiryRefill {
  readonly #queue: ExpiryQueue;
  readonly #versions: VersionIterator;

  /** @param firstRevision - no version below it ever had a time: tables that hold only such are not looked into */
  constructor(db: Db, firstRevision: number, queue: ExpiryQueue) {
    this.#queue = queue;
    // Of each key the newest version counts, however old it is: the history floor has no say.
    this.#versions = db.versions({ after: firstRevision - 1, shows: 'newest' });
  }

  /** Reads on for about so long; true when everything has been read. @throws SstError */
  slice(clock: Clock, sliceMs: number): boolean {
    const endMs = clock.monotonicMs() + sliceMs;
    const versions = this.#versions;
    for (let left = VERSIONS_PER_GLANCE; ; left--) {
      if (left <= 0) {
        if (clock.monotonicMs() >= endMs) return false;
        left = VERSIONS_PER_GLANCE;
      }
      const where = versions.step(STEPS_PER_GLANCE);
      if (where === 'end') return true;
      if (where === 'passing') left = 0;
      if (where === 'passing' || !versions.marked()) continue;
      const expiresAt = expiresAtOf({ value: versions.value(), marked: true });
      this.#queue.add(versions.key(), versions.sequence(), expiresAt);
    }
  }

  close(): void {
    this.#versions.close();
  }
}
