import type { Db } from '@dougdb/sstable';
import { chainPair } from './effect-hash.js';
import type { ReplicaState } from './replica-state.js';

/** A row that a partition holds from its beginning on. */
export interface InitialRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Puts the rows of a new partition at revisions 1 to n, as if a command each had written them: state
 * and hash come out equal on every replica that begins with the same rows. Only for a database that
 * holds nothing, between two entries; the freeze that follows makes rows and state durable at once.
 */
export function writeInitialRows(state: ReplicaState, db: Db, rows: readonly InitialRow[]): void {
  for (const { key, value } of rows) {
    const revision = state.revision + 1;
    db.put(revision, key, value);
    state.hash = chainPair(state.hash, revision, key, value, 0);
    state.revision = revision;
  }
}
