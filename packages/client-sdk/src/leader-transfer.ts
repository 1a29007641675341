import { TransferLeaderRequest, TransferLeaderResponse } from '@dougdb/rpc-proto';
import { decodeAnswer } from './admin-reports.js';
import type { LeaderRequest } from './leader-call.js';
import type { CallOptions } from './options.js';

export interface TransferOptions extends CallOptions {
  /** The node that is to lead. Left out: the follower that is furthest. */
  readonly toNodeId?: number | undefined;
}

/** Who leads a partition after a transfer. */
export interface LeaderChange {
  readonly leaderNodeId: number;
  readonly term: number;
}

/**
 * Asks for a partition to be handed over. A transfer to a named node may be asked for again when an answer was lost:
 * done twice is done once. One to whoever is furthest may not: the second would move leadership on. What the leader
 * says of a node that did not take over is final: each try stops the partition for an election timeout.
 */
export function transferRequest(
  clusterId: Uint8Array,
  partitionId: number,
  toNodeId: number,
): LeaderRequest<LeaderChange> {
  return {
    partitionId,
    path: '/dougdb.admin.v1.Admin/TransferLeader',
    request: TransferLeaderRequest.encode({ clusterId, partitionId, toNodeId }).finish(),
    decode: (answer) => {
      const { leaderNodeId, term } = decodeAnswer(TransferLeaderResponse, answer);
      return { leaderNodeId, term };
    },
    isRepeatable: toNodeId !== 0,
    what: `leadership of partition ${partitionId} was not seen to move`,
    mayHave: 'moved leadership',
  };
}
