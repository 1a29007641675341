import type { MaybePromise } from '@dougdb/sstable';
import { isPromise } from '../maybe-promise.js';

/**
 * Work that may have to wait at any point, and mostly does not. It is written once, as a generator that
 * yields what it waits for: `const found = yield* settled(read())`.
 */
export type Planning<T> = Generator<Promise<unknown>, T, unknown>;

/** The value, once it is there. @throws what the promise rejects with */
export function* settled<T extends object | null>(value: MaybePromise<T>): Planning<T> {
  return isPromise(value) ? ((yield value) as T) : value;
}

/** Runs it: the result itself if nothing had to be waited for. */
export function run<T>(planning: Planning<T>): MaybePromise<T> {
  const step = planning.next();
  return step.done ? step.value : goOn(planning, step.value);
}

async function goOn<T>(planning: Planning<T>, first: Promise<unknown>): Promise<T> {
  let waitsFor = first;
  for (;;) {
    const step = await next(planning, waitsFor);
    if (step.done) return step.value;
    waitsFor = step.value;
  }
}

async function next<T>(
  planning: Planning<T>,
  waitsFor: Promise<unknown>,
): Promise<IteratorResult<Promise<unknown>, T>> {
  let value: unknown;
  try {
    value = await waitsFor;
  } catch (error) {
    // The generator's own finally blocks run, and it may know what to do.
    return planning.throw(error);
  }
  return planning.next(value);
}
