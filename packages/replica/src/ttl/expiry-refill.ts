import type { Clock } from '@dougdb/ports';
import type { Db, VersionIterator } from '@dougdb/sstable';
import { expiresAtOf } from '../format/stored-value.js';
import type { ExpiryQueue } from './expiry-queue.js';

/** The clock is asked after so many versions. */
const VERSIONS_PER_GLANCE = 64;

/**
 * Reads the keys that have a time from the database into a queue, as of one moment, in slices: what is written
 * meanwhile comes into the queue by itself. A key that was overwritten meanwhile may come in as it was: whoever
 * proposes its expiry learns that it is not so any more.
 */
export class ExpiryRefill {
  readonly #queue: ExpiryQueue;
  readonly #versions: VersionIterator;

  constructor(db: Db, queue: ExpiryQueue) {
    this.#queue = queue;
    // Of each key the newest version counts, however old it is, and each move comes to one key, deleted or not:
    // an iterator over keys passes over any number of deletions in one move.
    this.#versions = db.versions({ after: 0, shows: 'newest' });
  }

  /** Reads on for about so long; true when everything has been read. @throws SstError */
  slice(clock: Clock, sliceMs: number): boolean {
    const endMs = clock.monotonicMs() + sliceMs;
    const versions = this.#versions;
    for (let left = VERSIONS_PER_GLANCE; ; left--) {
      if (left === 0) {
        if (clock.monotonicMs() >= endMs) return false;
        left = VERSIONS_PER_GLANCE;
      }
      if (!versions.next()) return true;
      if (!versions.marked()) continue;
      const expiresAt = expiresAtOf({ value: versions.value(), marked: true });
      this.#queue.add(versions.key(), versions.sequence(), expiresAt);
    }
  }

  close(): void {
    this.#versions.close();
  }
}
