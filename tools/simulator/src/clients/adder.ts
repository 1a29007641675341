import type { DougClient } from '@dougdb/client/core';
import { connectClient } from '../sim-client.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt, insist } from './outcome.js';

/** Adds to counters by the increments of the SDK: each counts once, however often it had to be sent. */
export const adder: ClientKind = async (context) =>
  new Adder(context, await connectClient(context.cluster, context.name));

interface Tally {
  done: number;
  unknown: number;
}

/** Increments of each counter of a run, by all its clients. */
const tallies = new WeakMap<object, Map<string, Tally>>();

class Adder implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;
  readonly #tallies: Map<string, Tally>;

  constructor(context: ClientContext, sdk: DougClient) {
    this.#context = context;
    this.#sdk = sdk;
    this.#tallies = tallies.get(context.truth) ?? new Map<string, Tally>();
    tallies.set(context.truth, this.#tallies);
  }

  async act(): Promise<void> {
    const { cluster, random, coverage, trace, number, truth } = this.#context;
    const key = `${random.pick(cluster.partitioning.keys)}.added`;
    const ended = await attempt(coverage, () => this.#sdk.increment(key));
    trace(`c${number} increment ${key} ${ended.status}`);
    const tally = this.#tallies.get(key) ?? { done: 0, unknown: 0 };
    this.#tallies.set(key, tally);
    if (ended.status === 'unknown') tally.unknown++;
    if (ended.status !== 'ok') return;
    tally.done++;
    coverage.hit('incremented');
    const { value, revision } = ended.result;
    const partition = truth.partition(cluster.partitioning.partitionOf(key));
    const at = partition.model.versions.at(key, revision);
    if (at?.revision !== revision || at.value !== `${value}`) {
      truth.report('acked-in-log', `increment of ${key} to ${value}: log has ${at?.value}`);
    }
    partition.acked.tell(cluster.scheduler.nowMs, revision);
  }

  async conclude(): Promise<void> {
    const { truth, coverage } = this.#context;
    for (const [key, { done, unknown }] of this.#tallies) {
      const hit = await insist(coverage, `a read of ${key}`, () => this.#sdk.get(key));
      const total = Number(hit?.value ?? 0);
      if (total >= done && total <= done + unknown) continue;
      truth.report(
        'exact-count',
        `${key} is ${total} after ${done} increments, ${unknown} unknown`,
      );
    }
  }

  close(): Promise<void> {
    return this.#sdk.close();
  }
}
