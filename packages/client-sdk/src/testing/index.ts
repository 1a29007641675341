/**
 * A cluster in memory for tests of clients, and of programs that use one. It speaks the bytes of a real
 * one and can be told to fail; it has no Raft behind it and keeps nothing.
 *
 * @example
 * ```ts
 * import { createClient } from '@dougdb/client/core';
 * import { FakeCluster } from '@dougdb/client/testing';
 * const cluster = new FakeCluster({ clock });
 * const db = await createClient({ transport: cluster, clock, random }, { endpoints: cluster.endpoints });
 * ```
 * @packageDocumentation
 */
export {
  FakeCluster,
  type FakeClusterOptions,
  type FakeItem,
  type FakeVerdict,
} from './fake-cluster.js';
export type { FakeApplied, FakeCommand, FakePartition } from './fake-partition.js';
