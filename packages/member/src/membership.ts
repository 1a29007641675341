import { type ClusterSettings, GenesisRecord, type NodeDescriptor } from '@dougdb/rpc-proto';
import type { NodeIdentity } from './data-dir/node-file-format.js';
import { CLUSTER_VERSION, sameBytes } from './genesis/record.js';
import { recordFault } from './genesis/record-fault.js';
import { codeOf, MemberError, MemberErrorCode } from './member-error.js';

/** What a member of a cluster knows of itself and of the others for certain. */
export interface Membership {
  readonly record: GenesisRecord;
  readonly clusterId: Uint8Array;
  /** This node. */
  readonly node: NodeDescriptor;
  readonly settings: ClusterSettings;
}

/** @throws MemberError MEMBER_CORRUPT when the record and the node do not fit together */
export function membershipOf(record: GenesisRecord, uuid: Uint8Array): Membership {
  const fault = recordFault(record);
  const node = record.nodes.find((candidate) => sameBytes(candidate.uuid, uuid));
  if (fault !== null || node === undefined || record.settings === undefined) {
    throw new MemberError(
      MemberErrorCode.Corrupt,
      `the genesis record does not fit this node: ${fault ?? 'its uuid is not in it'}`,
    );
  }
  return { record, clusterId: record.clusterId, node, settings: record.settings };
}

/** The membership that the NODE file tells of; null in an empty directory. @throws MemberError */
export function storedMembership(identity: NodeIdentity, path: string): Membership | null {
  const stored = identity.membership;
  if (stored === null) return null;
  let membership: Membership;
  try {
    const record = GenesisRecord.decode(stored.genesis);
    checkVersion(record.clusterVersion, path);
    membership = membershipOf(record, identity.uuid);
  } catch (error) {
    if (codeOf(error) === MemberErrorCode.Older || codeOf(error) === MemberErrorCode.Newer)
      throw error;
    throw new MemberError(MemberErrorCode.Corrupt, `${path} holds no usable genesis record`, error);
  }
  const { node, clusterId } = membership;
  if (node.nodeId !== stored.nodeId || !sameBytes(clusterId, stored.clusterId)) {
    throw new MemberError(
      MemberErrorCode.Corrupt,
      `${path} names node ${stored.nodeId}, its genesis record node ${node.nodeId}`,
    );
  }
  return membership;
}

/** @throws MemberError MEMBER_OLDER_FORMAT, MEMBER_NEWER_FORMAT */
function checkVersion(version: number, path: string): void {
  if (version === CLUSTER_VERSION) return;
  const isOlder = version < CLUSTER_VERSION;
  throw new MemberError(
    isOlder ? MemberErrorCode.Older : MemberErrorCode.Newer,
    `${path} belongs to a cluster of version ${version}, this program knows version ${CLUSTER_VERSION} only: ` +
      (isOlder
        ? 'use the program that made it, or begin a new cluster in an empty directory'
        : 'use the newer program'),
  );
}
