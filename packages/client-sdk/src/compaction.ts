import { CompactRequest, CompactResponse } from '@dougdb/rpc-proto';
import { decodeAnswer } from './admin-reports.js';
import type { LeaderRequest } from './leader-call.js';
import type { CallOptions } from './options.js';

export interface CompactOptions extends CallOptions {
  /** The oldest revision that is to be kept. Left out: the newest. */
  readonly revision?: number | undefined;
}

/** How much history a partition has after it was compacted. */
export interface HistoryFloor {
  /** The oldest revision that can still be read. */
  readonly historyFloor: number;
}

/** Asks for history of a partition to be forgotten: done twice is done once. */
export function compactRequest(
  clusterId: Uint8Array,
  partitionId: number,
  revision: number,
): LeaderRequest<HistoryFloor> {
  return {
    partitionId,
    path: '/dougdb.admin.v1.Admin/Compact',
    request: CompactRequest.encode({ clusterId, partitionId, revision }).finish(),
    decode: (answer) => ({ historyFloor: decodeAnswer(CompactResponse, answer).historyFloor }),
    isRepeatable: true,
    what: `history of partition ${partitionId} was not compacted`,
    mayHave: 'compacted it',
  };
}
