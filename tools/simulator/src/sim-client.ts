import { createClient, type DougClient } from '@dougdb/client/core';
import type { SimRandom } from '@dougdb/ports/sim';
import type { SimCluster } from './cluster.js';
import { type LookAnswer, type LookingWrite, lookBySdk } from './looking-write.js';
import { RepeatingClient } from './repeating-client.js';
import { SimClientTransport } from './sim-client-transport.js';
import type { WorkloadClient } from './workload.js';

/** A client process of the cluster: the shipped SDK on the virtual clock and the simulated network. */
export function connectClient(
  cluster: SimCluster,
  name: string,
  timeoutMs = 5_000,
): Promise<DougClient> {
  return createClient(
    {
      transport: new SimClientTransport(cluster.network, name),
      clock: cluster.scheduler.clock(),
      random: cluster.random.fork(`client-${name}`),
    },
    { endpoints: cluster.addresses, timeoutMs },
  );
}

/** A client of the workload: the SDK, and beside it one that sends its ops more often than it must. */
export class SimClient implements WorkloadClient {
  readonly sdk: DougClient;
  readonly repeating: RepeatingClient;
  readonly #random: SimRandom;

  constructor(sdk: DougClient, repeating: RepeatingClient, random: SimRandom) {
    this.sdk = sdk;
    this.repeating = repeating;
    this.#random = random;
  }

  static async connect(cluster: SimCluster, name: string): Promise<SimClient> {
    const { scheduler, network, addresses } = cluster;
    const random = cluster.random.fork(`repeating-${name}`);
    const repeating = new RepeatingClient({ scheduler, network, addresses, random, name });
    return new SimClient(await connectClient(cluster, name), repeating, random.fork('way'));
  }

  put(key: string, value: string): Promise<{ revision: number }> {
    return this.sdk.put(key, value);
  }

  delete(key: string): Promise<{ revision: number }> {
    return this.sdk.delete(key);
  }

  get(key: string): Promise<{ value: string; revision: number } | null> {
    return this.sdk.get(key);
  }

  look(write: LookingWrite): Promise<LookAnswer> {
    return this.#random.chance(0.5) ? lookBySdk(this.sdk, write) : this.repeating.write(write);
  }
}
