/**
 * What simulations of raft groups share: the invariants of etcd's TLA+ model, checked over all replicas
 * at one moment. A simulation shows {@link checkModel} its replicas as {@link ReplicaView}s after each
 * step and reports the {@link Violation} that it throws, if it throws one.
 * @packageDocumentation
 */
export {
  type CommitTermOf,
  checkModel,
  isQuorum,
  type LogView,
  type ReplicaView,
} from './model-invariants.js';
export { Violation } from './violation.js';
