/**
 * The Raft state machine as a library: pure, deterministic, without dependencies. A host feeds it
 * ticks, messages and proposals and carries out what {@link RawNode.ready} asks for. The README shows
 * a whole program with three replicas; the contract between host and replica is that of {@link Ready}.
 * @packageDocumentation
 */

export { changeConf, confProblem, isJoint } from './confchange/changer.js';
export {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  LEAVE_JOINT,
} from './confchange/conf-change.js';
export { decodeConfChange, encodeConfChange } from './confchange/conf-change-format.js';
export type { Config, LeaseConfig, RaftLogger } from './config.js';
export { defaultConfig } from './config.js';
export type { AppliedConf } from './core/membership.js';
export {
  ENTRY_OVERHEAD_BYTES,
  type Entry,
  EntryType,
  entrySizeBytes,
  type ProposalData,
} from './entry.js';
export { type LogIndex, NONE, type ReplicaId, type Term } from './ids.js';
export { RaftConfigError, RaftInvariantError } from './invariant.js';
export { MemoryStorage } from './memory-storage.js';
export { type Message, MessageType, makeMessage } from './message.js';
export { RawNode } from './raw-node.js';
export {
  type Append,
  type AppendTicket,
  type Drop,
  DropReason,
  type Proposed,
  type ReadState,
  type ReadTicket,
  type Ready,
  type SoftState,
  StateType,
  StepStatus,
} from './ready.js';
export type { Status } from './status.js';
export {
  COMPACTED,
  type Compacted,
  type ConfState,
  type HardState,
  type SnapshotMetadata,
  type Storage,
  UNAVAILABLE,
  type Unavailable,
} from './storage.js';
export {
  parseTraceLine,
  type TraceEvent,
  type TraceInput,
  type TraceName,
  traceLine,
} from './trace.js';
export { type Progress, ProgressState } from './tracker/progress.js';
