import { prefixEnd } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import { encodeKey, type Key } from './codec.js';

/** Keys by a prefix, or from `start` up to, but not with, `end`; nothing of it: all keys. */
export interface KeyRange {
  /** Keys that begin with this. Not together with `start` and `end`. */
  readonly prefix?: Key | undefined;
  /** First key, inclusive. */
  readonly start?: Key | undefined;
  /** Last key, exclusive. */
  readonly end?: Key | undefined;
}

/** A range as the wire has it: empty bounds are the first and behind the last key. */
export interface ByteRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** The bytes of a range. @throws DougError INVALID_ARGUMENT */
export function byteRange({ prefix, start, end }: KeyRange): ByteRange {
  if (prefix === undefined) return { start: encodeKey(start ?? ''), end: encodeKey(end ?? '') };
  if (start !== undefined || end !== undefined) {
    throw new DougError('INVALID_ARGUMENT', 'a range has a prefix or start and end, not both');
  }
  const from = encodeKey(prefix);
  return { start: from, end: prefixEnd(from) };
}
