import type { Clock, Random } from '@dougdb/ports';
import {
  type CodeName,
  codes,
  type DescribeResponse,
  type DougError,
  limits,
  type RouteHint,
} from '@dougdb/rpc-proto';
import type { NodeTransport } from '../transport.js';
import { PartitionMap, type Route } from './partition-map.js';
import type { Reaction } from './route-errors.js';
import { RouteFinder, type RouteFinderSettings } from './route-finder.js';
import { ShunnedAddresses } from './shunned-addresses.js';

/** What whoever talks to nodes is made of. */
export interface RouterPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
}

/** A request, as it was sent. */
export interface Sent {
  readonly key: Uint8Array;
  /** A read that any replica may serve at once. */
  readonly eventual: boolean;
  /** Partition and epoch that it named. */
  readonly partitionId: number;
  readonly epochVersion: number;
  /** The node that it went to; 0: not known. */
  readonly nodeId: number;
}

/** A request that is routed by its key. */
export interface Routed extends Sent {
  /** The node that was last chosen for it; 0: none. */
  nodeId: number;
}

/** What the router tells its owner. */
export interface RouterEvents {
  /** A partition's log time became known. */
  logTime(partitionId: number, logTime: number): void;
  /** A node has described the cluster; the map is up to date with it. */
  described(): void;
}

/** Refusals after which the node that refused is still taken for the leader. */
const stillLeads: ReadonlySet<CodeName> = new Set([
  'BUSY',
  'NO_SPACE',
  'EPOCH_MISMATCH',
  'SESSION_EXPIRED',
]);

/** Chooses the address for each request, from what nodes have said and from who failed a moment ago. */
export class Router {
  readonly map = new PartitionMap();
  readonly finder: RouteFinder;
  readonly #random: Random;
  readonly #shunned: ShunnedAddresses;
  readonly #events: RouterEvents;
  /** A key that nobody could be asked for. */
  #sought: Uint8Array | null = null;
  #limits: { readonly keyBytes: number; readonly valueBytes: number } = limits;

  constructor(ports: RouterPorts, settings: RouteFinderSettings, events: RouterEvents) {
    this.#random = ports.random;
    this.#events = events;
    this.#shunned = new ShunnedAddresses(ports.clock, ports.random, settings.backoff);
    this.finder = new RouteFinder({
      ...ports,
      settings,
      map: this.map,
      isShunned: (address) => this.#shunned.has(address),
      learn: (described) => this.#learnAll(described),
    });
  }

  /** What the cluster takes, as it said itself. */
  get limits(): { readonly keyBytes: number; readonly valueBytes: number } {
    return this.#limits;
  }

  /** Takes what a node said about a partition. */
  learn(hint: RouteHint): void {
    this.map.install(hint);
    this.#tellLogTime(hint);
  }

  /** Where a partition's writes and linearizable reads go now; undefined: not known, or failing. */
  leaderAddress(route: Route): string | undefined {
    if (this.finder.facades.length > 0) return this.#facade();
    const address = this.map.leaderAddress(route);
    return address === undefined || this.#shunned.has(address) ? undefined : address;
  }

  /**
   * A node with a replica of the partition, each time another one if there are several; 0: none that
   * can be reached now.
   * @param except - not this one, unless there is no other
   */
  anyReplicaNode(route: Route, except = 0): number {
    const able = route.replicas.filter(({ nodeId }) => {
      const address = this.map.addressOf(nodeId);
      return address !== undefined && !this.#shunned.has(address);
    });
    const others = able.filter(({ nodeId }) => nodeId !== except);
    const choice = others.length > 0 ? others : able;
    return choice[Math.floor(this.#random.next() * choice.length)]?.nodeId ?? 0;
  }

  /** Where an operation goes now, and as its `nodeId` who that is; undefined: nowhere. */
  addressFor(op: Routed, route: Route): string | undefined {
    if (!op.eventual || this.finder.facades.length > 0) {
      op.nodeId = route.leaderNodeId;
      return this.leaderAddress(route);
    }
    op.nodeId = this.anyReplicaNode(route, op.nodeId);
    return this.map.addressOf(op.nodeId);
  }

  /** Mends the map by a refusal: what the request was sent by is wrong, what the refusal tells is right. */
  correct(sent: Sent, error: DougError): void {
    const { key, eventual, partitionId, epochVersion, nodeId } = sent;
    if (error.reason === 'EPOCH_MISMATCH') this.map.forgetEpoch(partitionId, epochVersion);
    if (!stillLeads.has(error.reason) && !eventual) this.map.forgetLeader(partitionId, nodeId);
    if (error.route !== undefined) this.#learnFor(key, error.route);
  }

  /** {@link correct}, where only the address is known that the request went to. */
  correctAt(
    address: string,
    sent: Pick<Sent, 'eventual' | 'partitionId' | 'epochVersion'>,
    error: DougError,
  ): void {
    const { eventual, partitionId, epochVersion } = sent;
    if (error.reason === 'EPOCH_MISMATCH') this.map.forgetEpoch(partitionId, epochVersion);
    const mayServeLater = stillLeads.has(error.reason) || codes[error.reason].retry === 'no';
    const route = this.map.byId(partitionId);
    if (
      !mayServeLater &&
      !eventual &&
      route !== null &&
      this.map.leaderAddress(route) === address
    ) {
      this.map.forgetLeader(partitionId, route.leaderNodeId);
    }
    if (error.route !== undefined) this.learn(error.route);
  }

  /**
   * Nobody can be asked for this key: asks around in the background. What is answered counts for it,
   * whatever else the map knows.
   */
  seek(key: Uint8Array): void {
    this.#sought = key;
    this.finder.refresh();
  }

  /** Takes what a refusal says about who can serve an operation. @returns whether to ask again at once */
  refused(op: Routed, error: DougError, reaction: Reaction): boolean {
    const { partitionId, epochVersion, nodeId } = op;
    const leads = stillLeads.has(error.reason);
    this.correct(op, error);
    if (reaction === 'new-id') return true;
    const route = this.map.lookup(op.key);
    if (route === null) return false;
    if (op.eventual) {
      const other = this.anyReplicaNode(route, nodeId);
      return other !== 0 && other !== nodeId;
    }
    if (reaction !== 'reroute') return false;
    // A node that says "not me" and names itself has said nothing.
    if (!leads && route.partitionId === partitionId && route.epochVersion === epochVersion) {
      this.map.forgetLeader(partitionId, nodeId);
    }
    return this.leaderAddress(route) !== undefined;
  }

  /** The stream to an address was lost: it is left alone for a while, and leads nothing as far as we know. */
  lost(address: string): void {
    this.#shunned.add(address);
    for (const route of this.map.routes) {
      if (this.map.leaderAddress(route) === address) {
        this.map.forgetLeader(route.partitionId, route.leaderNodeId);
      }
    }
  }

  /** An address has sent something. */
  heard(address: string): void {
    this.#shunned.forgive(address);
  }

  close(): void {
    this.finder.close();
  }

  #learnFor(key: Uint8Array, hint: RouteHint): void {
    this.map.installFor(key, hint);
    this.#tellLogTime(hint);
  }

  #tellLogTime(hint: RouteHint): void {
    if (hint.partition === undefined || hint.logTime === 0) return;
    this.#events.logTime(hint.partition.partitionId, hint.logTime);
  }

  #facade(): string | undefined {
    return this.finder.facades.find((address) => !this.#shunned.has(address));
  }

  #learnAll(described: DescribeResponse): void {
    for (const node of described.nodes) this.map.installNode(node);
    for (const hint of described.partitions) this.learn(hint);
    // Only now it is known that nothing better was told.
    const sought = this.#sought;
    if (sought !== null) for (const hint of described.partitions) this.map.installFor(sought, hint);
    this.#sought = null;
    const { keyBytes = 0, valueBytes = 0 } = described.limits ?? {};
    if (keyBytes > 0 && valueBytes > 0) this.#limits = { keyBytes, valueBytes };
    this.#events.described();
  }
}
