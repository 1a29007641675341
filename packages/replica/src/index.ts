/**
 * One replica of one partition: a Raft group member with its state machine, exactly-once sessions and
 * reads, on ports for transport and hard state.
 * @packageDocumentation
 */
export {
  type AnswerSink,
  type Consistency,
  defaultReplicaSettings,
  type ReplicaHeader,
  type ReplicaOptions,
  type ReplicaServiceState,
  type ReplicaSettings,
  type ReplicaStatus,
  type ScanOptions,
} from './contract.js';
export type { HardStateStore } from './hard-state-store.js';
export { Replica } from './replica.js';
export type { Transport } from './transport.js';
