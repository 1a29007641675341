import type { Clock, Timer } from '@dougdb/ports';
import {
  decodeRequest,
  type NodeDescriptor,
  type PartitionDescriptor,
  type PartitionLeader,
  WatchMapRequest,
  WatchMapResponse,
} from '@dougdb/rpc-proto';
import { facadeIsBusy } from '../forward/client-pipe.js';
import type { PartitionMap, Route } from '../routing/partition-map.js';
import { descriptorOf } from './route-hint.js';

/** A watcher hears something at least every 5 s; this leaves room for a late turn. */
const MARK_MS = 4_000;
const MOST_WATCHES = 1_024;

/** Takes encoded messages of a stream. */
export interface StreamOutput {
  /** Resolves when the next may be made (back-pressure). */
  send(response: Uint8Array): Promise<void>;
}

/** What the feed tells. */
export interface MapSource {
  readonly map: PartitionMap;
  readonly clusterId: () => Uint8Array;
  /** Of the meta group, up to which nodes have told everything. */
  readonly revision: () => number;
}

/**
 * Routes.WatchMap of a facade: the map as it stands here, and each change. A watcher is told the
 * difference to what it was told before, so that a slow one holds up nothing and nothing queues up.
 */
export class MapFeed {
  readonly #source: MapSource;
  readonly #clock: Clock;
  readonly #watches = new Set<MapWatch>();

  constructor(source: MapSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** The map may have changed. */
  changed(): void {
    for (const watch of this.#watches) watch.wake();
  }

  /**
   * Tells one watcher, until the signal fires or the feed is closed. What it asks to be told since is not
   * looked at: it is told everything first.
   * @param checkCluster - throws CLUSTER_MISMATCH
   * @throws DougError INVALID_ARGUMENT, CLUSTER_MISMATCH, BUSY
   */
  async serve(
    request: Uint8Array,
    output: StreamOutput,
    signal: AbortSignal,
    checkCluster: (clusterId: Uint8Array) => void,
  ): Promise<void> {
    const { clusterId } = decodeRequest(WatchMapRequest, request);
    checkCluster(clusterId);
    if (this.#watches.size >= MOST_WATCHES) throw facadeIsBusy;
    if (signal.aborted) return;
    const watch = new MapWatch(this.#source, this.#clock, output);
    const onAbort = (): void => watch.end();
    signal.addEventListener('abort', onAbort);
    this.#watches.add(watch);
    try {
      await watch.run();
    } finally {
      this.#watches.delete(watch);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const watch of [...this.#watches]) watch.end();
  }
}

class MapWatch {
  readonly #source: MapSource;
  readonly #clock: Clock;
  readonly #output: StreamOutput;
  /** What it was told. */
  readonly #routes = new Map<number, Route>();
  readonly #leaders = new Map<number, number>();
  readonly #nodes = new Map<number, string>();
  #isFirst = true;
  #isOver = false;
  #mayHaveChanged = true;
  #markTimer: Timer | null = null;
  #dueMs = 0;
  #proceed: () => void = () => undefined;

  constructor(source: MapSource, clock: Clock, output: StreamOutput) {
    this.#source = source;
    this.#clock = clock;
    this.#output = output;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      await this.#tell();
      if (this.#isOver || this.#mayHaveChanged) continue;
      this.#markTimer = this.#clock.setTimer(MARK_MS, () => this.wake());
      await new Promise<void>((resolve) => {
        this.#proceed = resolve;
      });
      this.#markTimer.cancel();
    }
  }

  wake(): void {
    this.#mayHaveChanged = true;
    this.#proceed();
  }

  end(): void {
    this.#isOver = true;
    this.#proceed();
  }

  async #tell(): Promise<void> {
    this.#mayHaveChanged = false;
    const news = {
      partitions: this.#newPartitions(),
      nodes: this.#newNodes(),
      leaders: this.#newLeaders(),
    };
    const nowMs = this.#clock.monotonicMs();
    const isEmpty = Object.values(news).every((list) => list.length === 0);
    if (isEmpty && !this.#isFirst && nowMs < this.#dueMs) return;
    this.#isFirst = false;
    this.#dueMs = nowMs + MARK_MS;
    const { clusterId, revision } = this.#source;
    const message = { clusterId: clusterId(), revision: revision(), ...news };
    await this.#output.send(WatchMapResponse.encode(message).finish());
  }

  #newPartitions(): PartitionDescriptor[] {
    const news: PartitionDescriptor[] = [];
    for (const route of this.#source.map.routes) {
      // A newer descriptor makes a new route; a new leader does not.
      if (this.#routes.get(route.partitionId) === route) continue;
      this.#routes.set(route.partitionId, route);
      news.push(descriptorOf(route));
    }
    return news;
  }

  #newLeaders(): PartitionLeader[] {
    const news: PartitionLeader[] = [];
    for (const { partitionId, leaderNodeId } of this.#source.map.routes) {
      // That nobody is known to lead is no news to act on.
      if (leaderNodeId === 0 || this.#leaders.get(partitionId) === leaderNodeId) continue;
      this.#leaders.set(partitionId, leaderNodeId);
      news.push({ partitionId, leaderNodeId });
    }
    return news;
  }

  #newNodes(): NodeDescriptor[] {
    const news: NodeDescriptor[] = [];
    for (const node of this.#source.map.nodes) {
      if (this.#nodes.get(node.nodeId) === node.address) continue;
      this.#nodes.set(node.nodeId, node.address);
      news.push(node);
    }
    return news;
  }
}
