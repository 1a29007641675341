import {
  COMPACTED,
  type Compacted,
  type ConfState,
  type Entry,
  type HardState,
  type SnapshotMetadata,
  type Storage,
  type Unavailable,
} from '@dougdb/raft-core';
import { type LogReader, COMPACTED as WAL_COMPACTED, type WalEntry } from '@dougdb/wal';

/**
 * A replica's log in the WAL as raft-core reads it. The WAL shows entries from the moment they are
 * appended; the core asks it only for what it knows to be durable, so that makes no difference.
 */
export class WalStorage implements Storage {
  readonly #log: LogReader;
  readonly #hardState: HardState;
  readonly #confState: ConfState;
  readonly #onDamage: (error: unknown) => void;

  /** @param onDamage - a read found an entry whose bytes fail their checksum; may be called often */
  constructor(
    log: LogReader,
    hardState: HardState,
    confState: ConfState,
    onDamage: (error: unknown) => void,
  ) {
    this.#log = log;
    this.#hardState = hardState;
    this.#confState = confState;
    this.#onDamage = onDamage;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState };
  }

  firstIndex(): number {
    return this.#log.firstIndex();
  }

  lastIndex(): number {
    return this.#log.lastIndex();
  }

  term(index: number): number | Compacted | Unavailable {
    return this.#log.term(index);
  }

  entries(low: number, high: number, maxBytes: number): readonly Entry[] | Compacted | 'faulty' {
    const found = this.#read(low, high, maxBytes);
    if (found === WAL_COMPACTED) return COMPACTED;
    if (found === 'faulty') return 'faulty';
    return found as readonly Entry[];
  }

  /** None can be had: snapshots do not travel yet. */
  snapshot(): SnapshotMetadata | null {
    return null;
  }

  #read(low: number, high: number, maxBytes: number): readonly WalEntry[] | -1 | 'faulty' {
    try {
      const found = this.#log.entries(low, high, maxBytes);
      if (found === 'faulty') this.#onDamage(new Error(`entry ${low} of the log is damaged`));
      return found;
    } catch (error) {
      this.#onDamage(error);
      return 'faulty';
    }
  }
}
