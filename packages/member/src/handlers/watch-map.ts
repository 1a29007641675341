import type { Clock } from '@dougdb/ports';
import {
  type DougError,
  decodeRequest,
  type NodeDescriptor,
  type PartitionDescriptor,
  type PartitionLeader,
  WatchMapRequest,
  WatchMapResponse,
} from '@dougdb/rpc-proto';
import type { MapWatchOutput } from '../contract.js';
import type { ClusterMap, MappedPartition } from '../meta/cluster-map.js';
import { busy } from './admission.js';
import type { ClusterView } from './cluster-view.js';

/** A watcher hears something at least every 5 s; this leaves room for a late turn. */
const MARK_MS = 4_000;
const MOST_WATCHES = 1_024;

/** What a watcher was told of a partition. */
interface Told {
  readonly version: number;
  readonly conf: number;
}

/**
 * One watcher of the map. It remembers what it was told, not what has happened: whatever changes while the
 * watcher is slow comes to one difference, and nothing ever queues up.
 */
class MapWatch {
  readonly #map: ClusterMap;
  readonly #clusterId: Uint8Array;
  readonly #clock: Clock;
  readonly #output: MapWatchOutput;
  readonly #partitions = new Map<number, Told>();
  readonly #leaders = new Map<number, number>();
  readonly #nodes = new Map<number, string>();
  #toldVersion = -1;
  #dueMs = 0;
  #isOver = false;
  #error: DougError | null = null;
  #wake: () => void = () => undefined;

  constructor(view: ClusterView, clock: Clock, sinceRevision: number, output: MapWatchOutput) {
    this.#map = view.map;
    this.#clusterId = view.self.clusterId;
    this.#clock = clock;
    this.#output = output;
    // Whoever knows more than this node hears all that this node knows: it may be of another past.
    if (sinceRevision <= view.map.revision) this.#assumeTold(sinceRevision);
  }

  /** Sends until the end. @throws DougError when the node ends it */
  async run(): Promise<void> {
    while (!this.#isOver) {
      if (this.#isDue()) await this.#tell();
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    if (this.#error !== null) throw this.#error;
  }

  /** Called each tick. */
  look(): void {
    if (this.#isDue()) this.#wake();
  }

  end(error: DougError | null): void {
    this.#isOver = true;
    this.#error ??= error;
    this.#wake();
  }

  #isDue(): boolean {
    return this.#map.version !== this.#toldVersion || this.#clock.monotonicMs() >= this.#dueMs;
  }

  async #tell(): Promise<void> {
    const { version, revision } = this.#map;
    const isFirst = this.#toldVersion < 0;
    const news = {
      partitions: this.#newPartitions(),
      nodes: this.#newNodes(),
      leaders: this.#newLeaders(),
    };
    this.#toldVersion = version;
    const isEmpty = Object.values(news).every((list) => list.length === 0);
    if (isEmpty && !isFirst && this.#clock.monotonicMs() < this.#dueMs) return;
    this.#dueMs = this.#clock.monotonicMs() + MARK_MS;
    const message = { clusterId: this.#clusterId, revision, ...news };
    await this.#output.send(WatchMapResponse.encode(message).finish());
  }

  #newPartitions(): PartitionDescriptor[] {
    const news: PartitionDescriptor[] = [];
    for (const { descriptor } of this.#map.partitions) {
      const { version = 0, conf = 0 } = descriptor.epoch ?? {};
      const told = this.#partitions.get(descriptor.partitionId);
      if (told?.version === version && told.conf === conf) continue;
      this.#partitions.set(descriptor.partitionId, { version, conf });
      news.push(descriptor);
    }
    return news;
  }

  #newLeaders(): PartitionLeader[] {
    const news: PartitionLeader[] = [];
    for (const { descriptor, leaderNodeId } of this.#map.partitions) {
      const { partitionId } = descriptor;
      // That nobody is known to lead is no news to act on.
      if (leaderNodeId === 0 || this.#leaders.get(partitionId) === leaderNodeId) continue;
      this.#leaders.set(partitionId, leaderNodeId);
      news.push({ partitionId, leaderNodeId });
    }
    return news;
  }

  #newNodes(): NodeDescriptor[] {
    const news: NodeDescriptor[] = [];
    for (const node of this.#map.nodes()) {
      if (this.#nodes.get(node.nodeId) === node.address) continue;
      this.#nodes.set(node.nodeId, node.address);
      news.push(node);
    }
    return news;
  }

  /** An earlier watch has told the rows up to this revision; what a replica here knows beyond them it has not. */
  #assumeTold(revision: number): void {
    const isTold = (partition: MappedPartition): boolean =>
      partition.metaRevision > 0 && partition.metaRevision <= revision;
    for (const { descriptor } of this.#map.partitions.filter(isTold)) {
      const { version = 0, conf = 0 } = descriptor.epoch ?? {};
      this.#partitions.set(descriptor.partitionId, { version, conf });
    }
    for (const { value, revision: at } of this.#map.meta.nodes.values()) {
      if (at <= revision) this.#nodes.set(value.nodeId, value.address);
    }
  }
}

/** All open watches of the map. */
export class MapWatches {
  readonly #clock: Clock;
  readonly #open = new Set<MapWatch>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * dougdb.v1.Routes/WatchMap: first everything, or what has changed since the asked revision; then each
   * change. Resolves when the signal fires.
   * @throws DougError INVALID_ARGUMENT, CLUSTER_MISMATCH, BUSY, and what end() was told
   */
  async serve(
    view: ClusterView,
    request: Uint8Array,
    output: MapWatchOutput,
    signal: AbortSignal,
  ): Promise<void> {
    const { clusterId, sinceRevision } = decodeRequest(WatchMapRequest, request);
    view.checkCluster(clusterId);
    if (this.#open.size >= MOST_WATCHES) throw busy('the map');
    const watch = new MapWatch(view, this.#clock, sinceRevision, output);
    const onAbort = (): void => watch.end(null);
    if (signal.aborted) return;
    signal.addEventListener('abort', onAbort);
    this.#open.add(watch);
    try {
      await watch.run();
    } finally {
      this.#open.delete(watch);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Called each tick. */
  look(): void {
    for (const watch of this.#open) watch.look();
  }

  /** Ends all of them with this error. */
  end(error: DougError): void {
    for (const watch of [...this.#open]) watch.end(error);
  }
}
