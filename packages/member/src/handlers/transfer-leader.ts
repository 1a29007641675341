import type { Clock } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import {
  DougError,
  decodeRequest,
  ReplicaRole,
  TransferLeaderRequest,
  TransferLeaderResponse,
} from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';

const LOOK_MS = 5;
/** A try is given up by Raft after an election timeout, in which the partition takes no writes. */
const TRIES = 3;
const PAUSE_MS = 200;

/**
 * dougdb.admin.v1.Admin/TransferLeader, answered when the other leads. A node that does not take over in
 * three tries is left alone, or the partition would be without a leader for most of the caller's time.
 * @throws DougError INVALID_ARGUMENT, EPOCH_MISMATCH, NOT_LEADER or NO_LEADER with a hint, DEADLINE
 */
export async function handleTransferLeader(
  view: ClusterView,
  clock: Clock,
  request: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<Uint8Array> {
  const { clusterId, partitionId, toNodeId } = decodeRequest(TransferLeaderRequest, request);
  view.checkCluster(clusterId);
  if (partitionId === 0) throw new DougError('INVALID_ARGUMENT', 'no partition is named');
  const replica = view.anyPartition(partitionId);
  const toReplicaId = toNodeId === 0 ? anybody(replica) : voterOn(replica, toNodeId);
  if (!replica.isLeader || isStopped(replica)) throw notLeader(view, replica);
  const ownNodeId = view.self.node.nodeId;
  if (toNodeId === ownNodeId) return answer(replica);
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await passed(clock, Math.min(clock.monotonicMs() + PAUSE_MS, deadlineMs));
    if (isStopped(replica)) throw notLeader(view, replica);
    // Nobody that was heard lately: this passes, or is a try.
    if (replica.isLeader) replica.transferLeadership(toReplicaId);
    while (replica.isHandingOver || (!replica.isLeader && replica.leaderNodeId === 0)) {
      if (clock.monotonicMs() >= deadlineMs) throw notTaken(toNodeId);
      await passed(clock, clock.monotonicMs() + LOOK_MS);
    }
    if (!replica.isLeader) {
      if (toNodeId === 0 || replica.leaderNodeId === toNodeId) return answer(replica);
      throw notLeader(view, replica);
    }
    if (clock.monotonicMs() >= deadlineMs) break;
  }
  throw notTaken(toNodeId);
}

/** @throws DougError INVALID_ARGUMENT where nobody else votes */
function anybody({ descriptor, partitionId }: Replica): undefined {
  const voters = descriptor.replicas.filter(({ role }) => role === ReplicaRole.REPLICA_ROLE_VOTER);
  if (voters.length > 1) return undefined;
  throw new DougError('INVALID_ARGUMENT', `partition ${partitionId} has no other voter`);
}

/** @throws DougError INVALID_ARGUMENT */
function voterOn(replica: Replica, nodeId: number): number {
  const voter = replica.descriptor.replicas.find(
    (r) => r.nodeId === nodeId && r.role === ReplicaRole.REPLICA_ROLE_VOTER,
  );
  if (voter !== undefined) return voter.replicaId;
  throw new DougError(
    'INVALID_ARGUMENT',
    `node ${nodeId} has no voter of partition ${replica.partitionId}`,
  );
}

function isStopped(replica: Replica): boolean {
  return replica.status().state === 'stopped';
}

function answer(replica: Replica): Uint8Array {
  const { leaderNodeId } = replica;
  return TransferLeaderResponse.encode({ leaderNodeId, term: replica.header().term }).finish();
}

function notLeader(view: ClusterView, replica: Replica): DougError {
  const route = view.hint(replica);
  const reason = route.leaderNodeId === 0 ? 'NO_LEADER' : 'NOT_LEADER';
  return new DougError(reason, `this node does not lead partition ${replica.partitionId}`, {
    route,
    outcome: 'NOT_APPLIED',
  });
}

function notTaken(toNodeId: number): DougError {
  const who = toNodeId === 0 ? 'no other node' : `node ${toNodeId}`;
  return new DougError('DEADLINE', `${who} took the leadership over in time`);
}

function passed(clock: Clock, untilMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(Math.max(0, untilMs - clock.monotonicMs()), resolve);
  });
}
