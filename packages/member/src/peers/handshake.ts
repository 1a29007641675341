import { Channel, type Handshake, type NodeDescriptor } from '@dougdb/rpc-proto';
import type { PeerChannel } from '../contract.js';
import { CLUSTER_VERSION, hex, onOrOff, PROTOCOL_VERSION, sameBytes } from '../genesis/record.js';
import type { Membership } from '../membership.js';

/** What this node says of itself to a peer. */
export function makeHandshake(
  self: Membership,
  advertise: string,
  channel: PeerChannel,
  toNodeId: number,
): Handshake {
  return {
    clusterId: self.clusterId,
    nodeId: self.node.nodeId,
    nodeUuid: self.node.uuid,
    protocolVersion: PROTOCOL_VERSION,
    clusterVersion: CLUSTER_VERSION,
    heartbeatMs: self.settings.heartbeatMs,
    electionMinMs: self.settings.electionMinMs,
    advertise,
    channel: channel === 'data' ? Channel.CHANNEL_DATA : Channel.CHANNEL_CONTROL,
    toNodeId,
    leaseReads: self.settings.leaseReads,
  };
}

/** The peer that a good handshake comes from. */
export interface GoodHandshake {
  readonly peer: NodeDescriptor;
  readonly channel: PeerChannel;
}

/**
 * Checks what a peer says of itself. Whatever does not fit is refused before anything of it is
 * believed. @returns the peer, or one sentence that says what is wrong
 */
export function checkHandshake(self: Membership, theirs: Handshake): GoodHandshake | string {
  if (!sameBytes(theirs.clusterId, self.clusterId)) {
    return `cluster ${hex(theirs.clusterId)} is not ${hex(self.clusterId)}`;
  }
  if (theirs.protocolVersion !== PROTOCOL_VERSION) {
    return `protocol version ${theirs.protocolVersion} is not ${PROTOCOL_VERSION}`;
  }
  if (theirs.clusterVersion !== CLUSTER_VERSION) {
    return `cluster version ${theirs.clusterVersion} is not ${CLUSTER_VERSION}`;
  }
  if (theirs.toNodeId !== self.node.nodeId) {
    return `this is node ${self.node.nodeId}, not ${theirs.toNodeId}`;
  }
  const peer = self.record.nodes.find((node) => node.nodeId === theirs.nodeId);
  if (peer === undefined || peer.nodeId === self.node.nodeId) {
    return `node ${theirs.nodeId} is no peer of this cluster`;
  }
  if (!sameBytes(peer.uuid, theirs.nodeUuid)) {
    return `node ${theirs.nodeId} has another uuid (was its disk wiped?)`;
  }
  const { heartbeatMs, electionMinMs, leaseReads } = self.settings;
  if (theirs.heartbeatMs !== heartbeatMs || theirs.electionMinMs !== electionMinMs) {
    return `election times ${theirs.heartbeatMs}/${theirs.electionMinMs} ms are not ${heartbeatMs}/${electionMinMs} ms`;
  }
  if (theirs.leaseReads !== leaseReads) {
    return `lease reads ${onOrOff(theirs.leaseReads)} are not ${onOrOff(leaseReads)}`;
  }
  switch (theirs.channel) {
    case Channel.CHANNEL_CONTROL:
      return { peer, channel: 'control' };
    case Channel.CHANNEL_DATA:
      return { peer, channel: 'data' };
    default:
      return `channel ${theirs.channel} does not exist`;
  }
}
