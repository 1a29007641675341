import type { MaybePromise } from '@dougdb/sstable';

/** Not `instanceof`: a promise may come from another realm. */
export function isPromise<T extends object | null>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
