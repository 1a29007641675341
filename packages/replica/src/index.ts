/**
 * One replica of one partition: a Raft group member with its state machine, exactly-once sessions and
 * reads, on ports for transport and hard state.
 * @packageDocumentation
 */
export {
  type AnswerSink,
  type AppliedState,
  type ApplyObserver,
  type CommittedEntry,
  defaultReplicaSettings,
  type ReadMark,
  type ReplicaHeader,
  type ReplicaOptions,
  type ReplicaServiceState,
  type ReplicaSettings,
  type ReplicaStatus,
  type ScanIterator,
  type ScanOptions,
  type ScanView,
} from './contract.js';
export { decodeReplicaState } from './format/replica-state-format.js';
export type { HardStateStore } from './hard-state-store.js';
export {
  decodeMessageBatch,
  encodedMessageBytes,
  encodeMessageBatch,
  encodeMessagesRequest,
  messagesOfBatch,
  type PartitionMessage,
} from './raft-codec/index.js';
export { Replica } from './replica.js';
export { ReplicaError, ReplicaErrorCode } from './replica-error.js';
export type { InitialRow } from './state/initial-rows.js';
export { LOG_TIME_EPOCH_MS, LOG_TIME_PER_MS, logTimeOf, wallMsOf } from './state/log-time.js';
export type { ReplicaState } from './state/replica-state.js';
export type { Transport } from './transport.js';
export { RefillTurn } from './ttl/refill-turn.js';
export {
  defaultWatchSettings,
  type WatchHandle,
  type WatchLoad,
  type WatchOptions,
  type WatchSettings,
  type WatchSink,
} from './watch/contract.js';
export type { WatchPosition } from './watch/watch-position.js';
export { WINDOW_BYTES, WINDOWS_BYTES, WindowBudget } from './watch/window-budget.js';
