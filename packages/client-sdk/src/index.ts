/**
 * The DougDB client for applications. Keys and values are text unless told otherwise; reads are
 * linearizable unless told otherwise; writes take effect at most once, however often they are sent.
 *
 * @example
 * ```ts
 * import { DougClient } from '@dougdb/client';
 *
 * const db = await DougClient.connect('127.0.0.1:4400,127.0.0.1:4401');
 * const { revision } = await db.put('user/1', 'Ada');
 * const hit = await db.get('user/1'); // { key, value, revision } or null
 * await db.close();
 * ```
 * @packageDocumentation
 */
export {
  type CodeName,
  DougError,
  type DougErrorCode,
  type OutcomeName,
} from '@dougdb/rpc-proto';
export type { NodeTarget } from './admin.js';
export type {
  Member,
  NodeStatus,
  PartitionInfo,
  PartitionReplica,
  ReplicaStatus,
} from './admin-reports.js';
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
export { DougClient } from './connect.js';
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
