/**
 * Where keys live and what to do when that has changed: the partition map, the reaction to each error
 * code, and the pauses between attempts. Shared by the client and the facade; nothing in here touches
 * a socket, a clock or a file.
 *
 * @example
 * ```ts
 * import { PartitionMap } from '@dougdb/facade';
 * const map = new PartitionMap();
 * for (const hint of described.partitions) map.install(hint);
 * const route = map.lookup(new TextEncoder().encode('user/1'));
 * const address = route && map.leaderAddress(route);
 * ```
 * @packageDocumentation
 */
export { type BackoffOptions, backoffMs, defaultBackoff } from './backoff.js';
export { compareEnds, compareKeys, isBelowEnd, prefixEnd, rangesOverlap } from './key-range.js';
export { DATA_KEYSPACE, PartitionMap, type Route, type RouteChange } from './partition-map.js';
export { type FailedAttempt, mayHaveApplied, type Reaction, reactTo } from './route-errors.js';
