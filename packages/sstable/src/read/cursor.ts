import { compareRanges } from '../encoding/key-order.js';

/**
 * A position in a sorted run of entries: memtable, block, table, level, or several merged. Entries are
 * ordered as internal keys are: user key ascending, sequence descending.
 *
 * The entry is described by plain fields over somebody else's buffers, valid until the next move: a
 * scan creates no object for an entry. While `valid` is false the other fields mean nothing.
 */
export interface Cursor {
  readonly valid: boolean;
  /** User key: keyBytes[keyStart, keyEnd). */
  readonly keyBytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly sequence: number;
  /** See {@link import('../encoding/internal-key.js').Kind}. */
  readonly kind: number;
  /** Value: valueBytes[valueStart, valueEnd); empty for a tombstone. */
  readonly valueBytes: Uint8Array;
  readonly valueStart: number;
  readonly valueEnd: number;

  first(): void;
  last(): void;
  /** Moves to the first entry at or after (key, sequence). */
  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void;
  /**
   * Moves to the last entry before (key, sequence). With sequence MAX_SEQUENCE: before all versions
   * of the key; with {@link AFTER_ALL_VERSIONS}: the last at or before the key.
   */
  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void;
  /** Only while valid. */
  next(): void;
  /** Only while valid. */
  prev(): void;
  /** Gives back what it pins. A second close does nothing. */
  close(): void;
}

/** Whether the cursor's user key is `key` or comes after it. */
export function isAtOrBehind({ keyBytes, keyStart, keyEnd }: Cursor, key: Uint8Array): boolean {
  return compareRanges(keyBytes, keyStart, keyEnd, key, 0, key.length) >= 0;
}

/** A sequence below every real one: in internal order it stands behind all versions of its key. */
export const AFTER_ALL_VERSIONS = -1;

/** What a point lookup found: filled in by the source, reused by the caller. */
export class PointResult {
  kind = 0;
  sequence = 0;
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;
}

export const NOTHING: Uint8Array = new Uint8Array(0);
