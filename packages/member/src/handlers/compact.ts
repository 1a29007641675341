import { CompactRequest, CompactResponse, DougError, decodeRequest } from '@dougdb/rpc-proto';
import type { CallContext } from '../contract.js';
import type { ClusterView } from './cluster-view.js';

/**
 * dougdb.admin.v1.Admin/Compact, answered when the floor has moved: by an entry, so on every replica. It never moves
 * back: the answer may be above what was asked for.
 * @throws DougError INVALID_ARGUMENT, EPOCH_MISMATCH, NOT_LEADER or NO_LEADER with a hint, FUTURE_REVISION, and what
 * else a write is refused with
 */
export async function handleCompact(
  view: ClusterView,
  request: Uint8Array,
  { deadlineMs }: CallContext,
): Promise<Uint8Array> {
  const { clusterId, partitionId, revision } = decodeRequest(CompactRequest, request);
  view.checkCluster(clusterId);
  if (partitionId === 0) throw new DougError('INVALID_ARGUMENT', 'no partition is named');
  const replica = view.anyPartition(partitionId);
  const historyFloor = await replica.compact(revision, deadlineMs);
  return CompactResponse.encode({ historyFloor }).finish();
}
