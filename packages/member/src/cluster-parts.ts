import type { HardStateStore } from '@dougdb/replica';
import { DougError } from '@dougdb/rpc-proto';
import type { Wal } from '@dougdb/wal';
import type { MemberOptions } from './contract.js';
import type { DataDirLayout } from './data-dir/layout.js';
import { ClusterView } from './handlers/cluster-view.js';
import { MapWatches } from './handlers/watch-map.js';
import { FirstLeaders } from './leaders/first-leaders.js';
import { LeaderBalancer } from './leaders/leader-balancer.js';
import { Successors } from './leaders/successors.js';
import type { MemberError } from './member-error.js';
import type { Membership } from './membership.js';
import { AddressKeeper } from './meta/address-keeper.js';
import { ClusterMap } from './meta/cluster-map.js';
import { AddressBook } from './peers/address-book.js';
import { Peers } from './peers/peers.js';
import type { PinnedLogs } from './store/pinned-logs.js';
import { Store } from './store/store.js';
import type { MemberTelemetry } from './telemetry.js';

export interface ClusterPartsOptions {
  readonly member: MemberOptions;
  readonly self: Membership;
  readonly advertise: string;
  readonly join: readonly string[];
  readonly layout: DataDirLayout;
  readonly wal: Wal;
  readonly pinnedLogs: PinnedLogs;
  readonly hardState: HardStateStore;
  readonly telemetry: MemberTelemetry;
  /** This start has made the cluster: the replicas have no past (S9). */
  readonly justMade: boolean;
  /** Whether the peer said that it goes down. */
  readonly isDraining: (nodeId: number) => boolean;
  readonly onFatal: (error: MemberError) => void;
}

/** All that a member has once it belongs to a cluster, and what it does by itself at each tick. */
export class ClusterParts {
  readonly view: ClusterView;
  readonly book: AddressBook;
  readonly peers: Peers;
  readonly watches: MapWatches;
  /** This node hands everything over and ends. */
  isGoingDown = false;
  readonly #keeper: AddressKeeper;
  readonly #balancer: LeaderBalancer;

  private constructor(
    { member, self, isDraining }: ClusterPartsOptions,
    parts: { store: Store; map: ClusterMap; book: AddressBook; peers: Peers },
  ) {
    const { clock, random } = member;
    const { store, map, book, peers } = parts;
    const logger = member.logger.child({ node: self.node.nodeId });
    const ownNodeId = self.node.nodeId;
    const replicas = store.replicas();
    const counts = (): Map<number, number> => map.leaderCounts();
    this.view = new ClusterView(self, store, map);
    this.book = book;
    this.peers = peers;
    this.watches = new MapWatches(clock);
    this.#keeper = new AddressKeeper({ store, map, book, clock, logger });
    this.#balancer = new LeaderBalancer({
      ...{ ownNodeId, replicas, clock, random, logger, counts, isDraining },
    });
  }

  /** Opens the replicas; the links to peers begin with start(). @throws MemberError */
  static async open(options: ClusterPartsOptions): Promise<ClusterParts> {
    const { member, self, advertise, join, telemetry, isDraining } = options;
    const { clock, random, network } = member;
    const logger = member.logger.child({ node: self.node.nodeId });
    const book = new AddressBook(self, advertise, join);
    let parts: ClusterParts | null = null;
    let map: ClusterMap | null = null;
    const peers = new Peers({
      ...{ self, advertise, book, network, clock, random, logger, telemetry },
      isDraining: () => parts?.isGoingDown === true,
      onUnreachable: (nodeId) => parts?.view.store.reportUnreachable(nodeId),
    });
    const counts = (): ReadonlyMap<number, number> => map?.leaderCounts() ?? new Map();
    const successors = new Successors({ clock, counts, isDraining });
    const isConnected = (nodeId: number): boolean => peers.isConnected(nodeId);
    const ownNodeId = self.node.nodeId;
    const first = options.justMade ? new FirstLeaders({ ownNodeId, clock, isConnected }) : null;
    const store = await Store.open({
      ...options,
      ...{ fs: member.fs, clock, random, logger, metrics: member.metrics },
      transport: peers,
      settings: member.settings,
      tableWorkers: member.tableWorkers ?? null,
      ...(member.observer === undefined ? {} : { observer: member.observer }),
      chooseSuccessor: successors.choose,
      isHeld: (replica) => first?.holds(replica) === true,
      onTick: () => parts?.tick(),
    });
    map = new ClusterMap(store, book, logger);
    parts = new ClusterParts(options, { store, map, book, peers });
    return parts;
  }

  /** Begins to connect to peers. */
  start(): void {
    this.peers.start();
  }

  tick(): void {
    this.view.map.refresh();
    this.watches.look();
    this.#keeper.tick();
    this.#balancer.tick();
  }

  /** Refuses new work, hands over, and waits for what is in flight. */
  async drain(deadlineMs: number): Promise<void> {
    this.isGoingDown = true;
    this.#balancer.stop();
    // Before anything is handed over: nobody is to give it back.
    this.peers.tellState();
    this.watches.end(new DougError('DRAINING', 'this node is going down'));
    await this.view.store.drain(deadlineMs);
  }

  /** Links first: what the replicas still want to say is for nobody. */
  closeLinks(): void {
    this.peers.close();
    this.watches.end(new DougError('DRAINING', 'this node is going down'));
  }
}
