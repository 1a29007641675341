import type { PartitionDescriptor, RouteHint } from '@dougdb/rpc-proto';
import { DATA_KEYSPACE, type PartitionMap, type Route } from '../routing/partition-map.js';

/** A route as it stands on the wire. */
export function descriptorOf(route: Route): PartitionDescriptor {
  const { partitionId, start, end, epochVersion, epochConf, replicas } = route;
  return {
    partitionId,
    keyspace: DATA_KEYSPACE,
    start,
    end,
    epoch: { version: epochVersion, conf: epochConf },
    replicas: [...replicas],
  };
}

/**
 * What a map says of a partition, with the addresses of its nodes.
 * @param logTime - of the partition, as it was last heard; 0: not known
 */
export function hintOf(map: PartitionMap, route: Route, logTime: number): RouteHint {
  const members = new Set(route.replicas.map(({ nodeId }) => nodeId));
  return {
    partition: descriptorOf(route),
    leaderNodeId: route.leaderNodeId,
    nodes: map.nodes.filter(({ nodeId }) => members.has(nodeId)),
    logTime,
  };
}
