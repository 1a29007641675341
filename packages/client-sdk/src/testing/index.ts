/**
 * A DougDB in memory, for tests of applications and of clients. Clients of it are real ones and speak the
 * same bytes as to a cluster; behind them is no Raft and no disk. It can be told to fail in the ways in
 * which clusters do.
 *
 * @example
 * ```ts
 * import { createMemoryStore } from '@dougdb/client/testing';
 *
 * await using store = createMemoryStore();
 * const db = await store.connect();
 * store.loseAnswers(); // the put takes effect once all the same
 * await db.put('user/1', 'Ada');
 * ```
 * @packageDocumentation
 */
export { createMemoryStore } from './create-memory-store.js';
export {
  FakeCluster,
  type FakeClusterOptions,
  type FakeEndpoint,
  type FakeItem,
  type FakeVerdict,
} from './fake-cluster.js';
export { type FakeChange, FakeHistory, type FakeVersion } from './fake-history.js';
export type { FakeApplied, FakeCommand, FakeEntry, FakePartition } from './fake-partition.js';
export type { FaultScope } from './fault-script.js';
export { MemoryStore, type MemoryStoreOptions } from './memory-store.js';
