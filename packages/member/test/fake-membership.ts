import { makeRecord } from '../src/genesis/record.js';
import { type Membership, membershipOf } from '../src/membership.js';

export const clusterId = new Uint8Array(16).fill(0xc1);

export function uuidOf(nodeId: number): Uint8Array {
  return new Uint8Array(16).fill(nodeId);
}

/** Node `nodeId` of a cluster of three: nodes 1 to 3 at h:1 to h:3, partition 2 on replicas 104 to 106. */
export function membership(nodeId: number): Membership {
  const record = makeRecord(
    [1, 2, 3].map((at) => ({ uuid: uuidOf(at), address: `h:${at}` })),
    { replicationFactor: 5, heartbeatMs: 50, electionMinMs: 160, splitAt: [], leaseReads: false },
    clusterId,
    1.7e12,
  );
  return membershipOf(record, uuidOf(nodeId));
}
