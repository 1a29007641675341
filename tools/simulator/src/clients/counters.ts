import { CompareFailedError, type DougClient } from '@dougdb/client/core';
import { connectClient } from '../sim-client.js';
import type { Client, ClientContext, ClientKind } from './client.js';
import { attempt, insist } from './outcome.js';

/** Counts by compare-and-set: what is read goes up by one if nobody came between. */
export const counters: ClientKind = async (context) =>
  new Counters(context, await connectClient(context.cluster, context.name));

interface Tally {
  /** Of this run, by all clients: increments that were told to have taken effect ... */
  done: number;
  /** ... and those of which nobody knows. */
  unknown: number;
}

/** Increments of each counter of a cluster, by all its clients. */
const tallies = new WeakMap<object, Map<string, Tally>>();

class Counters implements Client {
  readonly #context: ClientContext;
  readonly #sdk: DougClient;
  readonly #tallies: Map<string, Tally>;
  #count = 0;

  constructor(context: ClientContext, sdk: DougClient) {
    this.#context = context;
    this.#sdk = sdk;
    this.#tallies = tallies.get(context.truth) ?? new Map<string, Tally>();
    tallies.set(context.truth, this.#tallies);
  }

  async act(): Promise<void> {
    const { cluster, random } = this.#context;
    await this.#increment(`${random.pick(cluster.partitioning.keys)}.count`);
  }

  async conclude(): Promise<void> {
    const { truth, coverage } = this.#context;
    for (const [key, { done, unknown }] of this.#tallies) {
      const hit = await insist(coverage, `a read of ${key}`, () => this.#sdk.get(key));
      const total = countOf(hit?.value);
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

  async #increment(key: string): Promise<void> {
    const { coverage, name, trace, number } = this.#context;
    const read = await attempt(coverage, () => this.#sdk.get(key));
    if (read.status !== 'ok') return;
    const value = `${countOf(read.result?.value) + 1} by ${name}-${this.#count++}`;
    const condition =
      read.result === null ? { ifAbsent: true } : { ifRevision: read.result.revision };
    const put = await attempt(coverage, () => this.#sdk.put(key, value, condition));
    trace(`c${number} count ${key} ${value} ${put.status}`);
    const tally = this.#tallies.get(key) ?? { done: 0, unknown: 0 };
    this.#tallies.set(key, tally);
    if (put.status === 'ok') tally.done++;
    if (put.status === 'unknown') tally.unknown++;
    if (put.status === 'ok') coverage.hit('counted');
    if (put.status === 'unknown') coverage.hit('count-unknown');
    if (put.status === 'fail' && !CompareFailedError.is(put.error)) this.#neverWritten(key, value);
  }

  #neverWritten(key: string, value: string): void {
    const { truth, cluster } = this.#context;
    const partition = truth.partition(cluster.partitioning.partitionOf(key));
    truth.atEnd(() => {
      if (partition.writtenAt(value) === undefined) return;
      truth.report('not-applied', `${value} was counted although it had failed for certain`);
    });
  }
}

const countOf = (value: string | undefined): number => Number((value ?? '0').split(' ')[0]);
