/**
 * Where keys live and what to do when that has changed: the partition map, the router, the reaction to
 * each error code, the pauses between attempts, scans over partitions. Shared by the client and the
 * facade; the real transport is in `./node`, everything else touches no socket, no clock and no file.
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
export { boundedWait } from './bounded-wait.js';
export {
  compareEnds,
  compareKeys,
  isBelowEnd,
  keyBelow,
  prefixEnd,
  rangesOverlap,
} from './key-range.js';
export { pause } from './pause.js';
export { crossPartition, type KeySpan } from './routing/cross-partition.js';
export {
  DATA_KEYSPACE,
  PartitionMap,
  type Route,
  type RouteChange,
} from './routing/partition-map.js';
export { Proxies, type ProxyPorts } from './routing/proxies.js';
export { mayBeAnyReplica } from './routing/read-levels.js';
export {
  type FailedAttempt,
  mayHaveApplied,
  type Reaction,
  reactTo,
} from './routing/route-errors.js';
export {
  RouteFinder,
  type RouteFinderPorts,
  type RouteFinderSettings,
} from './routing/route-finder.js';
export {
  type Routed,
  Router,
  type RouterEvents,
  type RouterPorts,
  type Sent,
  type Way,
} from './routing/router.js';
export { ShunnedAddresses } from './routing/shunned-addresses.js';
export { RangeScan, type ScanChunk, type ScanPlan, type ScanPorts } from './scan/range-scan.js';
export {
  decodeScanRest,
  encodeScanRest,
  isScanRest,
  type ScanRest,
  type ViewName,
} from './scan/rest-token.js';
export { decodeScanToken, encodeScanToken, type ScanToken } from './scan/scan-token.js';
export type { NodeTransport, PipeConnection, PipeEvents } from './transport.js';
export { RangeWatch } from './watch/range-watch.js';
export { WatchBatch } from './watch/watch-batch.js';
export { clipped, piecesFor, WatchCursor } from './watch/watch-pieces.js';
export {
  WATCH_CREDIT_BYTES,
  type WatchNews,
  type WatchPlan,
  type WatchPorts,
} from './watch/watch-plan.js';
export {
  comparePositions,
  isTold,
  positionAt,
  positionBehind,
  type WatchedRange,
  type WatchPiece,
  type WatchPosition,
} from './watch/watch-position.js';
export { WatchStreams, type WatchStreamsPorts } from './watch/watch-streams.js';
export { decodeWatchToken, encodeWatchToken, type WatchToken } from './watch/watch-token.js';
