import type { ConfState } from '@dougdb/raft-core';
import { type PartitionDescriptor, ReplicaRole } from '@dougdb/rpc-proto';
import { SessionTable } from './session-table.js';

/**
 * Everything that applying depends on beside the user's data (S5). One in-memory record; serialised
 * when a memtable is frozen, always at an entry boundary.
 */
export interface ReplicaState {
  appliedIndex: number;
  appliedTerm: number;
  /** +1 for each command that changes user data; the LSM sequence of its writes. */
  revision: number;
  /** Of the newest entry that carried one. */
  logTime: number;
  /** Rolling hash of the applied effects (S12). */
  hash: number;
  /** The oldest revision that may still be read; moved by entries alone. */
  historyFloor: number;
  /** The first revision at which a key had a time to live; 0: none ever had. */
  firstTtlRevision: number;
  descriptor: PartitionDescriptor;
  confState: ConfState;
  readonly sessions: SessionTable;
}

/** The log of every new partition begins behind this entry, which is not in it. */
export const GENESIS_INDEX = 1;
export const GENESIS_TERM = 1;

/** The identical first state of every replica of a partition. */
export function genesisState(descriptor: PartitionDescriptor, logTime: number): ReplicaState {
  return {
    appliedIndex: GENESIS_INDEX,
    appliedTerm: GENESIS_TERM,
    revision: 0,
    logTime,
    hash: 0,
    historyFloor: 0,
    firstTtlRevision: 0,
    descriptor,
    confState: confStateOf(descriptor),
    sessions: new SessionTable(),
  };
}

/** The configuration that a descriptor's members stand for. */
export function confStateOf(descriptor: PartitionDescriptor): ConfState {
  const ids = (learners: boolean): number[] =>
    descriptor.replicas
      .filter((replica) => (replica.role === ReplicaRole.REPLICA_ROLE_LEARNER) === learners)
      .map((replica) => replica.replicaId)
      .sort((a, b) => a - b);
  return {
    voters: ids(false),
    learners: ids(true),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

/** Version of the epoch; a descriptor always has one. */
export function epochVersionOf(descriptor: PartitionDescriptor): number {
  return descriptor.epoch?.version ?? 0;
}
