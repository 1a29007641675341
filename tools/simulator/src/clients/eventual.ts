import type { DougClient } from '@dougdb/client/core';
import { explainSight } from '../checks/answers.js';
import { connectClient } from '../sim-client.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt } from './outcome.js';

/** Eventual reads of what others write: as old as they may be, but of this log. */
export const eventual: ClientKind = async (context) =>
  new Eventual(context, await connectClient(context.cluster, context.name));

class Eventual implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;

  constructor(context: ClientContext, sdk: DougClient) {
    this.#context = context;
    this.#sdk = sdk;
  }

  async act(): Promise<void> {
    const { cluster, random, coverage, truth } = this.#context;
    const key = random.pick(cluster.partitioning.keys);
    const read = await attempt(coverage, () => this.#sdk.get(key, { consistency: 'eventual' }));
    if (read.status !== 'ok') return;
    coverage.hit('eventual-read');
    const { model } = truth.partition(cluster.partitioning.partitionOf(key));
    const why = explainSight(model.versions, key, read.result, 0, model.revision);
    if (why !== null) truth.report('eventual-from-log', why);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#sdk.close();
  }
}
