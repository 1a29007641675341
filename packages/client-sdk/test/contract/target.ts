import type { ClientOptions, DougClient, Key } from '../../src/core.js';

/** What the contract is tried on: a store with clients of any kind in front. */
export interface ContractTarget {
  /** One more client. The target closes it in the end if the test has not. */
  connect<V = string, K extends Key = string>(
    options?: ClientOptions<V, K>,
  ): Promise<DougClient<V, K>>;
  /**
   * Makes trouble: leaders move, streams break, a process stands still. Whatever it is, a store that
   * keeps its promises serves again within seconds of it. Resolves when the trouble is over.
   */
  disturb(): Promise<void>;
  close(): Promise<void>;
}

/** A contract on a store that is open. */
export interface ContractContext {
  readonly target: ContractTarget;
  /** A client that all tests share. */
  readonly db: DougClient;
}

/** Gives what the tests of a group use; it is there while a test runs. */
export type Given = () => ContractContext;

let used = 0;

/** A name for keys that no other test has. */
export function unique(name: string): string {
  return `${name}-${++used}-${Math.random().toString(36).slice(2, 8)}`;
}

/** The items of an iteration. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Keys that lie far apart: in several partitions, if the store has them. */
export function spread(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${'agmtz'[i % 5]}/${name}/${1000 + i}`);
}

/** Waits until it holds, in steps of a call each: no longer than the test's time. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
