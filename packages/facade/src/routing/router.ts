import type { Clock, Random } from '@dougdb/ports';
import {
  type CodeName,
  codes,
  type DescribeResponse,
  type DougError,
  EndpointKind,
  limits,
  type RouteHint,
} from '@dougdb/rpc-proto';
import type { NodeTransport } from '../transport.js';
import { PartitionMap, type Route } from './partition-map.js';
import { Proxies } from './proxies.js';
import type { Reaction } from './route-errors.js';
import { RouteFinder, type RouteFinderSettings } from './route-finder.js';
import { ShunnedAddresses } from './shunned-addresses.js';
import { SoughtKeys } from './sought-keys.js';

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

/** Where a request was last sent to. */
export interface Way {
  /** A read that any replica may serve at once. */
  readonly eventual: boolean;
  /** The node; 0: none, or not known. */
  nodeId: number;
  /** The facade that it went through; empty: none. */
  via: string;
}

/** A request that is routed by its key. */
export interface Routed extends Sent, Way {
  nodeId: number;
}

/** What the router tells its owner. */
export interface RouterEvents {
  /** A partition's log time became known. */
  logTime(partitionId: number, logTime: number): void;
  /** A node has described the cluster; the map is up to date with it. */
  described(): void;
  /** A facade can be reached again. */
  reachable?(): void;
}

/** Refusals after which the node that refused is still taken for the leader. */
const stillLeads: ReadonlySet<CodeName> = new Set([
  'BUSY',
  'NO_SPACE',
  'EPOCH_MISMATCH',
  'SESSION_EXPIRED',
]);

/** Refusals after which another facade may be luckier. */
const elsewhere: ReadonlySet<CodeName> = new Set(['NO_LEADER', 'DRAINING', 'STARTING']);

/** Chooses the address for each request, from what nodes have said and from who failed a moment ago. */
export class Router {
  readonly map = new PartitionMap();
  readonly finder: RouteFinder;
  readonly #random: Random;
  readonly #shunned: ShunnedAddresses;
  readonly #settings: RouteFinderSettings;
  /** Facades that everything goes through, if there are any. */
  readonly #proxies: Proxies;
  /** Endpoints that have said that they are nodes. */
  readonly #nodeEndpoints = new Set<string>();
  readonly #events: RouterEvents;
  readonly #sought = new SoughtKeys(this.map);
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
      learn: (described, address) => this.#learnAll(described, address),
      silent: (address) => this.#proxies.silent(address),
      facades: () => this.#proxies.usable,
      nodes: () => this.#nodeAddresses(),
    });
    this.#settings = settings;
    const { clock, random } = ports;
    this.#proxies = new Proxies({
      clock,
      random,
      backoff: settings.backoff,
      probe: (address) => void this.finder.probe(address),
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
    const proxy = this.chooseProxy();
    if (proxy !== null) return proxy;
    const address = this.map.leaderAddress(route);
    return address === undefined || this.#shunned.has(address) ? undefined : address;
  }

  /**
   * The facade that everything goes through now; null: straight to the nodes; undefined: to nobody. The
   * nodes are a way out only if the application named one: else they may not be reachable from here.
   */
  chooseProxy(): string | null | undefined {
    if (this.#proxies.size === 0) return null;
    return this.#proxies.choose() ?? (this.#nodeEndpoints.size > 0 ? null : undefined);
  }

  isProxy(address: string): boolean {
    return this.#proxies.has(address);
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

  /** Where a request goes now, which is noted in it; undefined: nowhere. */
  addressFor(way: Way, route: Route): string | undefined {
    const proxy = this.chooseProxy();
    if (proxy !== null) {
      way.nodeId = 0;
      way.via = proxy ?? '';
      return proxy;
    }
    way.via = '';
    way.nodeId = way.eventual ? this.anyReplicaNode(route, way.nodeId) : route.leaderNodeId;
    return way.eventual ? this.map.addressOf(way.nodeId) : this.leaderAddress(route);
  }

  /** What went through a facade failed: another one may be luckier. If it went through none: nothing. */
  suspect({ via }: Way): void {
    if (via !== '') this.#proxies.suspect(via);
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
    this.#sought.add(key);
    this.finder.refresh();
  }

  /** Takes what a refusal says about who can serve an operation. @returns whether to ask again at once */
  refused(op: Routed, error: DougError, reaction: Reaction): boolean {
    const { partitionId, epochVersion, nodeId } = op;
    const leads = stillLeads.has(error.reason);
    this.correct(op, error);
    if (elsewhere.has(error.reason)) this.suspect(op);
    if (reaction === 'new-id') return true;
    const route = this.map.lookup(op.key);
    if (route === null) return false;
    if (op.via !== '') return reaction === 'reroute' && this.leaderAddress(route) !== undefined;
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

  /** Whether an address failed a moment ago. */
  isShunned(address: string): boolean {
    return this.#shunned.has(address);
  }

  /** The stream to an address was lost: it is left alone for a while, and leads nothing as far as we know. */
  lost(address: string): void {
    this.#proxies.failed(address);
    this.#shunned.add(address);
    for (const route of this.map.routes) {
      if (this.map.leaderAddress(route) === address) {
        this.map.forgetLeader(route.partitionId, route.leaderNodeId);
      }
    }
  }

  /** An address has sent something. */
  heard(address: string): void {
    this.#proxies.heard(address);
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

  /** Nodes that may be asked where things are. */
  #nodeAddresses(): string[] {
    if (this.#proxies.size > 0 && this.#nodeEndpoints.size === 0) return [];
    return this.map.nodeIds.map((id) => this.map.addressOf(id) as string);
  }

  #learnAll(described: DescribeResponse, address: string): void {
    this.#learnKind(described, address);
    for (const node of described.nodes) this.map.installNode(node);
    for (const hint of described.partitions) this.learn(hint);
    // Only now it is known that nothing better was told.
    this.#sought.answered(described.partitions, (key) => this.#canAsk(key));
    const { keyBytes = 0, valueBytes = 0 } = described.limits ?? {};
    if (keyBytes > 0 && valueBytes > 0) this.#limits = { keyBytes, valueBytes };
    this.#events.described();
  }

  /** Whether there is somebody who can be asked for a key. */
  #canAsk(key: Uint8Array): boolean {
    const route = this.map.lookup(key);
    return route !== null && this.leaderAddress(route) !== undefined;
  }

  #learnKind({ kind }: DescribeResponse, address: string): void {
    const { direct, endpoints } = this.#settings;
    if (kind !== EndpointKind.ENDPOINT_KIND_FACADE) {
      this.#proxies.gone(address);
      if (endpoints.includes(address)) this.#nodeEndpoints.add(address);
    } else if (!direct) {
      this.#nodeEndpoints.delete(address);
      if (this.#proxies.described(address)) this.#events.reachable?.();
    }
  }
}
