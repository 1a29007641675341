import { createClient, type DougClient } from '@dougdb/client/core';
import type { SimCluster } from './cluster.js';
import { SimClientTransport } from './sim-client-transport.js';

/** A client process of the cluster: the shipped SDK on the virtual clock and the simulated network. */
export function connectClient(cluster: SimCluster, name: string): Promise<DougClient> {
  return createClient(
    {
      transport: new SimClientTransport(cluster.network, name),
      clock: cluster.scheduler.clock(),
      random: cluster.random.fork(`client-${name}`),
    },
    { endpoints: cluster.addresses, timeoutMs: cluster.plan.callTimeoutMs },
  );
}
