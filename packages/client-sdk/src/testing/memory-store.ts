import { compareKeys } from '@dougdb/facade';
import type { Clock, Random } from '@dougdb/ports';
import type { CodeName } from '@dougdb/rpc-proto';
import { DougClient } from '../client.js';
import type { Key, NamedCodecs } from '../codec.js';
import type { ClientOptions } from '../options.js';
import { FakeCluster } from './fake-cluster.js';
import type { FakeEntry, FakePartition } from './fake-partition.js';
import { type FaultScope, FaultScript } from './fault-script.js';

/** What a store is made of. */
export interface MemoryStoreOptions {
  /** The time of the store and of its clients. */
  readonly clock: Clock;
  readonly random: Random;
  /** Default 3. */
  readonly nodes?: number | undefined;
  /** Facades in front of the nodes; with one or more, clients go through them. Default 0. */
  readonly facades?: number | undefined;
  /** Keys at which partitions begin, beside the first. Default: one partition. */
  readonly splitAt?: readonly string[] | undefined;
  /** Time that a message needs one way, for each hop. Default 0. */
  readonly latencyMs?: number | undefined;
  /** Entries in a chunk of a scan. Default 100. */
  readonly chunkEntries?: number | undefined;
}

type Named<N extends keyof NamedCodecs> = DougClient<
  NamedCodecs[N]['value'],
  NamedCodecs[N]['key']
>;

/**
 * A DougDB in memory for tests of applications. Its clients are real ones: what they promise about
 * codecs, conditions, order, retries and errors holds here too, because it is the same code that talks
 * to nodes by the same bytes. Behind it is one state for each partition, without Raft and without disks.
 *
 * Faults are switched on by method: what the client mends by itself (most of them) does not reach the
 * application, what it does not mend arrives as the error that a real cluster would lead to.
 */
export class MemoryStore implements AsyncDisposable {
  /** The cluster itself: nodes to kill and freeze, partitions to lead and split, a judge for each item. */
  readonly cluster: FakeCluster;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #script = new FaultScript();
  readonly #clients = new Set<DougClient<unknown, Key>>();

  constructor(options: MemoryStoreOptions) {
    const { clock, random, nodes = 3, facades = 0, splitAt = [] } = options;
    this.#clock = clock;
    this.#random = random;
    this.cluster = new FakeCluster({
      clock,
      nodes,
      facades,
      splitAt,
      latencyMs: options.latencyMs ?? 0,
      chunkEntries: options.chunkEntries ?? 100,
      judge: (item) => this.#script.judge(item),
    });
  }

  /** A client of this store. Any number of them may be open; closing the store closes them. */
  connect<N extends keyof NamedCodecs>(
    options: Omit<ClientOptions, 'codec'> & { readonly codec: N },
  ): Promise<Named<N>>;
  connect<V = string, K extends Key = string>(
    options?: ClientOptions<V, K>,
  ): Promise<DougClient<V, K>>;
  async connect<V, K extends Key>(options: ClientOptions<V, K> = {}): Promise<DougClient<V, K>> {
    const { cluster } = this;
    const ports = {
      transport: cluster.transport(),
      clock: this.#clock,
      random: this.#random,
    };
    const endpoints = cluster.facades.length > 0 ? cluster.facades : cluster.endpoints;
    const client = await DougClient.open<V, K>(ports, { ...options, endpoints });
    this.#clients.add(client as unknown as DougClient<unknown, Key>);
    return client;
  }

  /** Everything that is stored, in the order of the keys, as bytes. */
  entries(): FakeEntry[] {
    const everything = new Uint8Array(0);
    return this.cluster.partitions
      .flatMap((partition) => partition.entries(everything, everything))
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  /** The next calls are refused with this code; the ones that are not to be retried reach the application. */
  refuse(code: CodeName, scope: FaultScope & { readonly retryAfterMs?: number } = {}): void {
    const { retryAfterMs = 0 } = scope;
    this.#script.add({ refuse: code, retryAfterMs }, scope);
  }

  /** The next calls take effect, and their answers are lost with the stream that they came on. */
  loseAnswers(scope: FaultScope = {}): void {
    this.#script.add('serve-and-break', scope);
  }

  /** The next calls are lost on their way, with the stream that they came on. */
  loseRequests(scope: FaultScope = {}): void {
    this.#script.add('break', scope);
  }

  /** The next calls are never answered: they end with their timeout or their signal. */
  ignore(scope: FaultScope = {}): void {
    this.#script.add('swallow', scope);
  }

  /** The node that leads gives it up, and another one leads: of the partition with this key, or of all. */
  moveLeader(key?: string): void {
    for (const partition of this.#partitions(key)) {
      partition.leaderNodeId = (partition.leaderNodeId % this.cluster.nodes.length) + 1;
    }
  }

  /** Nobody leads until `moveLeader`: writes and linearizable reads wait. */
  loseLeader(key?: string): void {
    for (const partition of this.#partitions(key)) partition.leaderNodeId = 0;
  }

  /** Takes back all faults that have not met a call yet. */
  clearFaults(): void {
    this.#script.clear();
  }

  /** Closes the clients, and the store. */
  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.#clients.clear();
    this.cluster.close();
  }

  /** {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #partitions(key: string | undefined): readonly FakePartition[] {
    return key === undefined ? this.cluster.partitions : [this.cluster.partitionOf(key)];
  }
}
