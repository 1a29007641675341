import type { AbstractSnapshot } from 'abstract-level';
import { WriteBatch } from '../batch/write-batch.js';
import type { EmbeddedDb } from '../embedded/embedded-db.js';
import type { Snapshot } from '../read/snapshot.js';
import { type EncodedRange, toRange } from './range.js';
import type { TurnMeter } from './turn-meter.js';

/** Keys deleted by one batch. */
const BATCH_KEYS = 500;

/** Options of clear() as abstract-level hands them over. */
export interface EncodedClearOptions extends EncodedRange {
  readonly reverse: boolean;
  /** Below 0: none. */
  readonly limit: number;
  readonly snapshot?: AbstractSnapshot;
}

/**
 * Deletes the keys that are in a range now, or in a snapshot, batch by batch, each of them with its key:
 * a tombstone for a whole range would be one write however many keys there are, but every read, iterator and
 * compaction would have to heed it, and nobody could tell from the versions which keys it took.
 */
export async function clearRange(
  db: EmbeddedDb,
  options: EncodedClearOptions,
  snapshot: Snapshot | undefined,
  meter: TurnMeter,
): Promise<void> {
  const iterator = db.iterator({
    ...toRange(options),
    reverse: options.reverse,
    keysOnly: true,
    ...(snapshot !== undefined ? { snapshot } : {}),
  });
  try {
    let left = options.limit < 0 ? Number.POSITIVE_INFINITY : options.limit;
    for (let isMore = true; isMore && left > 0; ) {
      const batch = new WriteBatch();
      while (batch.size < Math.min(BATCH_KEYS, left)) {
        isMore = iterator.next();
        if (!isMore) break;
        batch.delete(iterator.key().slice());
      }
      left -= batch.size;
      await db.write(batch);
      if (meter.charge(batch.size)) await meter.nextTurn();
    }
  } finally {
    iterator.close();
  }
}
