/**
 * The client without sockets, clock and randomness: what `@dougdb/client` is made of, for simulators and
 * for transports of your own.
 *
 * @example
 * ```ts
 * import { createClient } from '@dougdb/client/core';
 * const db = await createClient({ transport, clock, random }, { endpoints: ['n1:4400'] });
 * ```
 * @packageDocumentation
 */
import type { RouterPorts } from '@dougdb/facade';
import { DougClient } from './client.js';
import type { Key } from './codec.js';
import type { ConnectOptions } from './options.js';

export type {
  NodeTransport as ClientTransport,
  PipeConnection,
  PipeEvents,
  RouterPorts as EnginePorts,
} from '@dougdb/facade';
export { AdminClient, type NodeTarget } from './admin.js';
export type {
  Member,
  NodeStatus,
  PartitionInfo,
  PartitionReplica,
  ReplicaStatus,
} from './admin-reports.js';
export { DougClient } from './client.js';
export {
  bytesCodec,
  type Codec,
  type JsonValue,
  jsonCodec,
  type Key,
  type NamedCodecs,
  utf8Codec,
} from './codec.js';
export type { CompactOptions, HistoryFloor } from './compaction.js';
export { CompareFailedError, type Current } from './compare-failed-error.js';
export {
  DeleteRangeError,
  type DeleteRangeOptions,
  type DeleteRangeResult,
} from './delete-range.js';
export type { EngineCounters } from './engine/engine.js';
export type { PendingBounds } from './engine/pending-limit.js';
export type { LeaderChange, TransferOptions } from './leader-transfer.js';
export {
  type CallOptions,
  type ClientOptions,
  type ConnectOptions,
  defaultSettings,
} from './options.js';
export type { KeyRange } from './ranges.js';
export type { Consistency, ReadOptions, RevisionOptions } from './read-options.js';
export type { IncrementResult } from './recipes/increment.js';
export { Lock, type LockOptions } from './recipes/lock.js';
export type { Transaction, TransactOptions, TransactResult } from './recipes/transact.js';
export type { Entry, GetResult, KeyEntry } from './result-reader.js';
export type { CountOptions, Scan, ScanOptions } from './scan.js';
export {
  type Comparable,
  type CompareBuilder,
  compare,
  del,
  deleteRange,
  get,
  put,
  type RevisionComparison,
  scan,
  type ValueComparison,
} from './txn/builders.js';
export type {
  Compare,
  CompareTarget,
  DeleteRangeStep,
  DeleteRangeStepResult,
  DeleteStep,
  DeleteStepResult,
  GetStep,
  PutStep,
  PutStepResult,
  Relation,
  ScanStep,
  ScanStepResult,
  StepResult,
  StepResults,
  Txn,
  TxnBranch,
  TxnOutcome,
  TxnStep,
} from './txn/steps.js';
export { WatchError } from './watch/watch-error.js';
export type {
  Watch,
  WatchDelete,
  WatchEvent,
  WatchEventBase,
  WatchOptions,
  WatchProgress,
  WatchPut,
} from './watch/watch-events.js';
export type {
  DeleteOptions,
  DeleteResult,
  Detailed,
  Previous,
  PutOptions,
  PutResult,
  WriteResult,
} from './writes.js';

/**
 * Makes a client on these ports. It owns the transport: closing the client closes it.
 * @throws DougError INVALID_ARGUMENT; DEADLINE when no endpoint has answered within timeoutMs
 */
export function createClient<V = string, K extends Key = string>(
  ports: RouterPorts,
  options: ConnectOptions<V, K>,
): Promise<DougClient<V, K>> {
  return DougClient.open(ports, options);
}
