import type { Handshake } from '@dougdb/rpc-proto';
import { membership, uuidOf } from '../../test/fake-membership.js';
import { CLUSTER_VERSION } from '../genesis/record.js';
import { checkHandshake, makeHandshake } from './handshake.js';

const good = makeHandshake(membership(2), 'h:2', 'data', 1);

describe('handshake', () => {
  it('of a peer is found good', () => {
    expect(checkHandshake(membership(1), good)).toMatchObject({
      peer: { nodeId: 2 },
      channel: 'data',
    });
  });

  it.each<[string, Partial<Handshake>]>([
    ['another cluster', { clusterId: new Uint8Array(16) }],
    ['no cluster', { clusterId: new Uint8Array(0) }],
    ['another protocol version', { protocolVersion: 2 }],
    ['another cluster version', { clusterVersion: CLUSTER_VERSION + 1 }],
    ['somebody else in mind', { toNodeId: 3 }],
    ['an unknown node', { nodeId: 9 }],
    ['this node itself', { nodeId: 1, nodeUuid: uuidOf(1) }],
    ['another uuid', { nodeUuid: uuidOf(7) }],
    ['another heartbeat', { heartbeatMs: 51 }],
    ['another election minimum', { electionMinMs: 161 }],
    ['other lease reads', { leaseReads: true }],
    ['an unknown channel', { channel: 0 }],
  ])('of %s is refused with one sentence', (_what, more) => {
    expect(typeof checkHandshake(membership(1), { ...good, ...more })).toBe('string');
  });
});
