import type { MaybePromise } from '@dougdb/sstable';

/** Not `instanceof`: a promise may come from another realm. */
export function isPromise<T extends object>(
  value: MaybePromise<T | null>,
): value is Promise<T | null> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
