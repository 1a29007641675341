import { OperationKind } from '../batch/batch-format.js';
import { checkKey, checkValue, WriteBatch } from '../batch/write-batch.js';
import {
  type KeyBounds,
  type RangeDeletion,
  type Sequence,
  SstError,
  SstErrorCode,
} from '../contract.js';
import { Kind, MAX_SEQUENCE } from '../encoding/internal-key.js';
import { intersection, isEmpty, isInBounds } from '../read/bounds.js';
import { NOTHING } from '../read/cursor.js';
import { openIterator } from './open-iterator.js';
import type { Store } from './store.js';

/** Keys that one batch's range deletions, or one deleteRange, may delete (S21). */
export const MAX_RANGE_KEYS = 1024;

/** Adds one version. @throws SstError SST_USAGE; nothing has happened then */
export function addVersion(
  store: Store,
  sequence: Sequence,
  kind: Kind,
  key: Uint8Array,
  value: Uint8Array,
): void {
  checkKey(key);
  checkValue(value);
  checkSequence(store, sequence, store.lastSequence);
  checkInside(store, key);
  const { mutable } = store;
  const before = mutable.reservedBytes;
  if (!mutable.add(sequence, kind, key, value)) {
    throw usage(`sequence ${sequence} has a write of this key already`);
  }
  took(store, sequence, before);
}

/**
 * Adds what a batch does, at one sequence that nothing was written at yet. Everything that can be refused
 * is refused before the first version is added.
 * @throws SstError SST_USAGE; SST_CORRUPT and SST_IO from looking into the ranges; nothing has happened then
 */
export function addBatch(store: Store, sequence: Sequence, batch: WriteBatch): void {
  if (batch.size === 0) return;
  checkSequence(store, sequence, store.lastSequence + 1);
  const { operations } = resolveRanges(store, batch);
  if (store.isClipped) for (const { key } of operations) checkInside(store, key);
  const { mutable } = store;
  const before = mutable.reservedBytes;
  // The last first: a key takes one version at a sequence, and the memtable keeps the one it has.
  for (let i = operations.length - 1; i >= 0; i--) {
    const { kind, key, value } = operations[i]!;
    mutable.add(sequence, kind === OperationKind.Set ? Kind.Set : Kind.Delete, key, value);
  }
  took(store, sequence, before);
}

/**
 * The batch with a deletion for each key that its ranges find now, in what was written before and in what
 * it puts itself before the range.
 * @throws SstError SST_USAGE for more than MAX_RANGE_KEYS keys that were written before
 */
export function resolveRanges(store: Store, batch: WriteBatch): WriteBatch {
  if (!batch.hasRanges) return batch;
  const resolved = new WriteBatch();
  let left = MAX_RANGE_KEYS;
  for (const { kind, key, value } of batch.operations) {
    if (kind === OperationKind.Set) resolved.put(key, value);
    else if (kind === OperationKind.Delete) resolved.delete(key);
    else {
      const range = { start: key, end: value };
      const found = keysIn(store, range, left + 1);
      if (found.length > left) {
        throw usage(`the ranges of a batch hold more than ${MAX_RANGE_KEYS} keys: use deleteRange`);
      }
      left -= found.length;
      const own = resolved.operations.filter((earlier) => isInBounds(range, earlier.key));
      for (const { key: put } of own) resolved.delete(put);
      for (const there of found) resolved.delete(there);
    }
  }
  return resolved;
}

/** Deletes keys of a range, up to `limit` of them, at one sequence. @throws as addBatch */
export function addRangeDeletion(
  store: Store,
  sequence: Sequence,
  bounds: KeyBounds,
  limit: number,
): RangeDeletion {
  if (!(limit >= 1 && limit <= MAX_RANGE_KEYS)) {
    throw usage(`a range deletion of ${limit} keys: the limit is 1 to ${MAX_RANGE_KEYS}`);
  }
  checkSequence(store, sequence, store.lastSequence + 1);
  const keys = keysIn(store, bounds, limit + 1);
  const resumeKey = keys.length > limit ? (keys.pop() ?? null) : null;
  if (keys.length === 0) return { deleted: 0, resumeKey };
  const { mutable } = store;
  const before = mutable.reservedBytes;
  for (const key of keys) mutable.add(sequence, Kind.Delete, key, NOTHING);
  took(store, sequence, before);
  return { deleted: keys.length, resumeKey };
}

/** The first keys of a range that are there, as copies. */
function keysIn(store: Store, range: KeyBounds, atMost: number): Uint8Array[] {
  const keys: Uint8Array[] = [];
  const bounds = intersection(range, store.bounds);
  if (isEmpty(bounds)) return keys;
  const iterator = openIterator(store, {
    bounds,
    isReverse: false,
    keysOnly: true,
    sequence: store.lastSequence,
  });
  try {
    while (keys.length < atMost && iterator.next()) keys.push(iterator.key().slice());
    return keys;
  } finally {
    iterator.close();
  }
}

function took(store: Store, sequence: Sequence, reservedBefore: number): void {
  store.lastSequence = sequence;
  store.share.grew(store.mutable.reservedBytes - reservedBefore);
}

/** @param lowest that the sequence may be, beside what was frozen */
function checkSequence(store: Store, sequence: Sequence, lowest: Sequence): void {
  if (!Number.isInteger(sequence) || sequence < store.minimumSequence || sequence < lowest) {
    const last = Math.max(store.lastSequence, store.minimumSequence - 1);
    throw usage(`sequence ${sequence} goes back: ${last} was written or frozen`);
  }
  if (sequence > MAX_SEQUENCE) throw usage(`sequence ${sequence} is not below 2^48`);
}

function checkInside(store: Store, key: Uint8Array): void {
  if (store.isClipped && !isInBounds(store.bounds, key)) {
    throw usage('the key lies outside of the bounds of the database');
  }
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}
