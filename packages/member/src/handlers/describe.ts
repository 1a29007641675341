import {
  checkKeyBytes,
  DescribeRequest,
  DescribeResponse,
  DougError,
  decodeRequest,
  EndpointKind,
  type Limits,
  LookupRequest,
  LookupResponse,
  limits,
} from '@dougdb/rpc-proto';
import type { ClusterView } from './cluster-view.js';

/** Facts about this process. */
export interface NodeFacts {
  readonly version: string;
  readonly uuid: Uint8Array;
  readonly advertise: string;
  readonly uptimeMs: () => number;
}

/** dougdb.v1.Routes/Describe: what this node knows by itself, the meta group included. */
export function handleDescribe(
  view: ClusterView,
  facts: NodeFacts,
  request: Uint8Array,
): Uint8Array {
  decodeRequest(DescribeRequest, request);
  return DescribeResponse.encode({
    clusterId: view.self.clusterId,
    kind: EndpointKind.ENDPOINT_KIND_NODE,
    nodeId: view.self.node.nodeId,
    nodes: view.map.nodes(),
    partitions: view.map.partitions.map((partition) => view.map.route(partition)),
    limits: clientLimits(),
    version: facts.version,
  }).finish();
}

/** dougdb.v1.Routes/Lookup: the partition that holds a key. @throws DougError */
export function handleLookup(view: ClusterView, request: Uint8Array): Uint8Array {
  const { context, key } = decodeRequest(LookupRequest, request);
  checkKeyBytes(key.length);
  if (context !== undefined) view.checkCluster(context.clusterId);
  const partition = view.map.lookup(key);
  if (partition === undefined)
    throw new DougError('STARTING', 'this node does not know the key’s partition');
  const { clusterId } = view.self;
  return LookupResponse.encode({ clusterId, route: view.map.route(partition) }).finish();
}

/** The limits that clients should know. */
export function clientLimits(): Limits {
  const { keyBytes, valueBytes, requestBytes } = limits;
  return { keyBytes, valueBytes, requestBytes };
}
