import type {
  NodeDescriptor,
  PartitionDescriptor,
  ReplicaDescriptor,
  RouteHint,
} from '@dougdb/rpc-proto';
import { compareEnds, compareKeyAt, compareKeys, isBelowEnd, rangesOverlap } from '../key-range.js';

/** The keyspace of users' data; 0 is the cluster's own. */
export const DATA_KEYSPACE = 1;

/** What is known of one partition. A newer descriptor makes a new Route; a new leader does not. */
export interface Route {
  readonly partitionId: number;
  /** Inclusive; empty: from the first key. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key. */
  readonly end: Uint8Array;
  readonly epochVersion: number;
  readonly epochConf: number;
  readonly replicas: readonly ReplicaDescriptor[];
  /** 0: unknown. */
  readonly leaderNodeId: number;
}

/** What an {@link PartitionMap.install} has changed. */
export interface RouteChange {
  /** A partition is new, or has other bounds or members. */
  readonly descriptor: boolean;
  /** A leader became known or another node leads. */
  readonly leader: boolean;
  /** A node is new or has another address. */
  readonly address: boolean;
}

interface Entry extends Route {
  leaderNodeId: number;
}

/**
 * Where keys live, as far as anybody has said: partitions by range, their leaders, addresses of nodes.
 * It may have gaps and be out of date at any time. That makes a request slow, never wrong: the node
 * that gets it checks the epoch and answers with the descriptor that holds (safety.md S17, S23).
 *
 * Descriptors are ordered by epoch; leaders carry no term, so the last word counts. An entry that is
 * wrong with an epoch above the true one would outlive every true word: a refusal ends it
 * ({@link forgetEpoch}), and where nobody could be asked at all the next word counts whatever its
 * epoch ({@link installFor}). With these two, any state of the map, however it came about, ends in
 * the true one after a number of refusals that does not exceed the entries that are wrong or missing.
 */
export class PartitionMap {
  readonly #keyspace: number;
  /** Disjoint, ordered by end. */
  #entries: Entry[] = [];
  readonly #byId = new Map<number, Entry>();
  readonly #nodes = new Map<number, NodeDescriptor>();

  constructor(keyspace: number = DATA_KEYSPACE) {
    this.#keyspace = keyspace;
  }

  /** All partitions that are known, in key order. */
  get routes(): readonly Route[] {
    return this.#entries;
  }

  /** The first key of which no partition is known; null: the map is whole. */
  get gap(): Uint8Array | null {
    let from: Uint8Array = new Uint8Array(0);
    for (const { start, end } of this.#entries) {
      if (compareKeys(start, from) > 0) return from;
      if (end.length === 0) return null;
      from = end;
    }
    return from;
  }

  /** Ids of all nodes whose address is known, in the order in which they became known. */
  get nodeIds(): number[] {
    return [...this.#nodes.keys()];
  }

  /** All nodes whose address is known. */
  get nodes(): NodeDescriptor[] {
    return [...this.#nodes.values()];
  }

  /** The partition that holds a key; null: not known. The first one whose end is above the key. */
  lookup(key: Uint8Array): Route | null {
    return this.lookupAt(key, 0, key.length);
  }

  /** {@link lookup} of the key bytes[start, end), without a view. */
  lookupAt(bytes: Uint8Array, start: number, end: number): Route | null {
    const entries = this.#entries;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { end: bound } = entries[middle] as Entry;
      if (bound.length === 0 || compareKeyAt(bytes, start, end, bound) < 0) high = middle;
      else low = middle + 1;
    }
    const entry = entries[low];
    return entry !== undefined && compareKeyAt(bytes, start, end, entry.start) >= 0 ? entry : null;
  }

  /**
   * The partition that holds the greatest keys below an exclusive end; for walking backwards.
   * @param end - empty: the last partition
   */
  lookupBelow(end: Uint8Array): Route | null {
    if (end.length === 0) {
      const last = this.#entries.at(-1);
      return last !== undefined && last.end.length === 0 ? last : null;
    }
    // The first one that reaches the end: ends at it or above it.
    const entry = this.#entries.find((candidate) => compareEnds(candidate.end, end) >= 0);
    return entry !== undefined && compareKeys(entry.start, end) < 0 ? entry : null;
  }

  byId(partitionId: number): Route | null {
    return this.#byId.get(partitionId) ?? null;
  }

  /** HOST:PORT of a node; undefined: not known. */
  addressOf(nodeId: number): string | undefined {
    return this.#nodes.get(nodeId)?.address;
  }

  /** HOST:PORT of a partition's leader; undefined: not known. */
  leaderAddress(route: Route): string | undefined {
    return route.leaderNodeId === 0 ? undefined : this.addressOf(route.leaderNodeId);
  }

  /** Takes what a node said about a partition: a newer descriptor, its leader, addresses. */
  install(hint: RouteHint): RouteChange {
    let address = false;
    for (const node of hint.nodes) address = this.installNode(node) || address;
    const { partition } = hint;
    if (partition === undefined || partition.keyspace !== this.#keyspace) {
      return { descriptor: false, leader: false, address };
    }
    const verdict = this.#installDescriptor(partition);
    // Who lags behind in descriptors may lag behind in leaders, but is better than nobody.
    const known = this.#byId.get(partition.partitionId);
    const isLeaderless = known !== undefined && this.leaderAddress(known) === undefined;
    const leader =
      (verdict !== 'stale' || isLeaderless) &&
      this.installLeader(partition.partitionId, hint.leaderNodeId);
    return { descriptor: verdict === 'newer', leader, address };
  }

  /**
   * As {@link install}, of a hint that was asked for because of a key. If nobody can be asked for that
   * key all the same, because older words than what is known here are all there is, what is known is
   * of no use: whatever is in the way of the hint goes, whatever its epoch.
   */
  installFor(key: Uint8Array, hint: RouteHint): RouteChange {
    const change = this.install(hint);
    const { partition, leaderNodeId } = hint;
    if (partition?.keyspace !== this.#keyspace || !isSensible(partition)) return change;
    if (compareKeys(partition.start, key) > 0 || !isBelowEnd(key, partition.end)) return change;
    const known = this.lookup(key);
    if (known !== null) {
      const isElse = known.partitionId !== partition.partitionId;
      if (!isElse || leaderNodeId === 0 || this.leaderAddress(known) !== undefined) return change;
    }
    this.#displace(partition, this.#inTheWay(partition), 0);
    this.installLeader(partition.partitionId, leaderNodeId);
    return { descriptor: true, leader: leaderNodeId !== 0, address: change.address };
  }

  /**
   * A node refused a request because the partition has not this epoch, or not this range under it. What
   * was learned about the partition meanwhile, under another epoch, stays.
   * @returns whether something was forgotten
   */
  forgetEpoch(partitionId: number, epochVersion: number): boolean {
    const entry = this.#byId.get(partitionId);
    if (entry === undefined || entry.epochVersion !== epochVersion) return false;
    this.#byId.delete(partitionId);
    this.#entries = this.#entries.filter((other) => other !== entry);
    return true;
  }

  /** @returns whether that was news */
  installNode(node: NodeDescriptor): boolean {
    if (node.nodeId === 0 || node.address === '') return false;
    const known = this.#nodes.get(node.nodeId);
    if (known?.address === node.address) return false;
    const { nodeId, address } = node;
    // A copy: it outlives the message it came in.
    this.#nodes.set(nodeId, { nodeId, address, uuid: new Uint8Array(node.uuid) });
    return true;
  }

  /** Somebody says who leads a partition. @returns whether that was news */
  installLeader(partitionId: number, leaderNodeId: number): boolean {
    const entry = this.#byId.get(partitionId);
    // "Unknown" is no word against a leader that somebody named.
    if (entry === undefined || leaderNodeId === 0 || entry.leaderNodeId === leaderNodeId) {
      return false;
    }
    entry.leaderNodeId = leaderNodeId;
    return true;
  }

  /**
   * A node was asked as the leader and is none (or cannot be reached). Another leader that was
   * learned meanwhile stays.
   */
  forgetLeader(partitionId: number, nodeId: number): void {
    const entry = this.#byId.get(partitionId);
    if (entry !== undefined && entry.leaderNodeId === nodeId) entry.leaderNodeId = 0;
  }

  #installDescriptor(descriptor: PartitionDescriptor): 'newer' | 'same' | 'stale' {
    const { partitionId, replicas } = descriptor;
    const version = descriptor.epoch?.version ?? 0;
    const conf = descriptor.epoch?.conf ?? 0;
    if (!isSensible(descriptor)) return 'stale';

    const known = this.#byId.get(partitionId);
    if (known !== undefined) {
      const order = version - known.epochVersion || conf - known.epochConf;
      // INVARIANT(epoch-monotonic): what is known of a partition is not replaced by something older.
      if (order < 0) return 'stale';
      if (order === 0) return 'same';
    }
    // A split raises the version of both halves above that of the whole, so of two descriptors that
    // overlap the one with the lower version describes the past.
    const inTheWay = this.#inTheWay(descriptor);
    if (inTheWay.some((entry) => entry.epochVersion > version)) return 'stale';
    // The leader outlives a change of bounds or members, unless it is no member any more.
    this.#displace(descriptor, inTheWay, inheritedLeader(known, replicas));
    return 'newer';
  }

  /** Entries that cannot stand beside a descriptor. */
  #inTheWay({ partitionId, start, end }: PartitionDescriptor): Entry[] {
    return this.#entries.filter(
      (entry) =>
        entry.partitionId === partitionId || rangesOverlap(start, end, entry.start, entry.end),
    );
  }

  #displace(descriptor: PartitionDescriptor, displaced: readonly Entry[], leader: number): void {
    const { partitionId, start, end, replicas, epoch } = descriptor;
    for (const entry of displaced) this.#byId.delete(entry.partitionId);
    const entry: Entry = {
      partitionId,
      // Copies (a Buffer's slice would be a view): these outlive the message they came in.
      start: new Uint8Array(start),
      end: new Uint8Array(end),
      epochVersion: epoch?.version ?? 0,
      epochConf: epoch?.conf ?? 0,
      replicas,
      leaderNodeId: leader,
    };
    this.#byId.set(partitionId, entry);
    this.#entries = this.#entries.filter((other) => !displaced.includes(other));
    this.#entries.push(entry);
    this.#entries.sort((a, b) => compareEnds(a.end, b.end));
  }
}

/** Whether a descriptor names a partition with a range. */
function isSensible({ partitionId, start, end }: PartitionDescriptor): boolean {
  return partitionId !== 0 && (end.length === 0 || compareKeys(start, end) < 0);
}

function inheritedLeader(known: Entry | undefined, replicas: readonly ReplicaDescriptor[]): number {
  if (known === undefined) return 0;
  const { leaderNodeId } = known;
  return replicas.some((replica) => replica.nodeId === leaderNodeId) ? leaderNodeId : 0;
}
