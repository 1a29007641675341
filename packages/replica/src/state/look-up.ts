import {
  type Db,
  type Found,
  type LookOptions,
  type MaybePromise,
  SstErrorCode,
} from '@dougdb/sstable';
import { codeOf } from '../error-code.js';
import { isPromise } from '../maybe-promise.js';

/** A read that failed says nothing of the table: so often it is tried before the replica gives up (S13). */
export const LOOK_TRIES = 3;

/** Looks at a key that must not change meanwhile; where a read fails, so often. @throws SstError */
export function lookUp(
  db: Db,
  key: Uint8Array,
  options: LookOptions,
  tries: number,
): MaybePromise<Found | null> {
  const found = db.look(key, options);
  if (!isPromise(found) || tries === 1) return found;
  return found.catch((error: unknown) => {
    if (codeOf(error) !== SstErrorCode.Io) throw error;
    return lookUp(db, key, options, tries - 1);
  });
}
