import type { DougClient } from '@dougdb/client/core';
import { connectClient } from '../sim-client.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt } from './outcome.js';

const TTL_MS = 300;

/**
 * Takes locks and does guarded work under them. Two may believe that they hold a lock; what the guard fences may
 * not be done by the older holder once the newer one has done something.
 */
export const locker: ClientKind = async (context) =>
  new Locker(context, await connectClient(context.cluster, context.name));

class Locker implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;
  #count = 0;

  constructor(context: ClientContext, sdk: DougClient) {
    this.#context = context;
    this.#sdk = sdk;
  }

  async act(): Promise<void> {
    const { cluster, random, coverage, name } = this.#context;
    const key = random.pick(cluster.partitioning.keys);
    const taken = await attempt(coverage, () =>
      this.#sdk.lock(`${key}.lock`, { ttlMs: TTL_MS, waitMs: random.pick([0, 100]) }),
    );
    if (taken.status !== 'ok') return;
    coverage.hit('lock-taken');
    const lock = taken.result;
    // Sometimes for longer than the lock lasts.
    await cluster.sleep(random.pick([0, 20, 400]));
    const value = `${lock.token} by ${name}-${this.#count++}`;
    const work = await attempt(coverage, () =>
      this.#sdk.txn({ if: [lock.guard], then: [{ put: `${key}.guarded`, value }] }),
    );
    if (work.status === 'ok' && work.result.succeeded) coverage.hit('guarded-work');
    await attempt(coverage, () => lock.release());
  }

  /** Tokens of guarded work never go back. */
  conclude(): Promise<void> {
    const { cluster, truth } = this.#context;
    for (const key of cluster.partitioning.keys) {
      const { model } = truth.partition(cluster.partitioning.partitionOf(key));
      let newest = 0;
      for (const { value } of model.versions.of(`${key}.guarded`)) {
        const token = Number((value ?? '0').split(' ')[0]);
        if (token < newest) truth.report('fenced', `${key}: token ${token} after ${newest}`);
        newest = Math.max(newest, token);
      }
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#sdk.close();
  }
}
