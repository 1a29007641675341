import type { Clock, Logger, Metrics, Random } from '@dougdb/ports';
import { DougError, limits, type RequestContext } from '@dougdb/rpc-proto';
import { type BackoffOptions, defaultBackoff } from './backoff.js';
import { Admission } from './forward/admission.js';
import { ClientPipe, type ClientPipeOutput } from './forward/client-pipe.js';
import { Forwarder } from './forward/forwarder.js';
import { AdminFront, type FacadeFacts } from './front/admin-front.js';
import { ClientWatches, type ClientWatchesOutput } from './front/client-watches.js';
import { type CallContext, DataFront } from './front/data-front.js';
import { PointCalls } from './front/point-calls.js';
import { RoutesFront } from './front/routes-front.js';
import { serveScan } from './front/scan-front.js';
import { MapFeed, type StreamOutput } from './map/map-feed.js';
import { MapForger } from './map/map-forger.js';
import { MapKeeper } from './map/map-keeper.js';
import { pause } from './pause.js';
import { Router } from './routing/router.js';
import { type FacadeGauges, type FacadeTelemetry, facadeTelemetry } from './telemetry.js';
import type { NodeTransport } from './transport.js';
import { WatchStreams } from './watch/watch-streams.js';

/** A node was heard of at most so long ago: else the facade is not ready. */
const REACHED_MS = 15_000;
/** How often is looked whether the work in flight is done. */
const DRAIN_LOOK_MS = 10;

/** The cluster's own partition. Clients have no business with it. */
const META_PARTITION = 1;

/** What a facade is started with. */
export interface FacadeOptions {
  /** HOST:PORT of some nodes. One that answers is enough; the others are found by it. */
  readonly nodes: readonly string[];
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** HOST:PORT that it listens on, as soon as that is known. */
  readonly address: () => string;
  readonly backoff?: BackoffOptions | undefined;
  /** Watches of all clients together. Default: as many as a node takes. */
  readonly mostWatches?: number | undefined;
  /** For tests: makes the map wrong all the time, by these numbers. */
  readonly forgedMap?: Random | undefined;
}

/** The single calls that a facade answers, by full gRPC path. */
export type FacadeMethod =
  | '/dougdb.v1.Doug/Get'
  | '/dougdb.v1.Doug/Put'
  | '/dougdb.v1.Doug/Delete'
  | '/dougdb.v1.Doug/MultiGet'
  | '/dougdb.v1.Doug/Txn'
  | '/dougdb.v1.Doug/DeleteRange'
  | '/dougdb.v1.Routes/Describe'
  | '/dougdb.v1.Routes/Lookup'
  | '/dougdb.admin.v1.Admin/Status'
  | '/dougdb.admin.v1.Admin/MemberList'
  | '/dougdb.admin.v1.Admin/PartitionList'
  | '/dougdb.admin.v1.Admin/TransferLeader'
  | '/dougdb.admin.v1.Admin/Compact';

/**
 * The entry point of a cluster without sockets: routes what clients send to the nodes that serve it, and
 * keeps nothing but a map and what is under way. Any number of them may run beside each other; one
 * that is wrong about the map is slow, never wrong about data, because nodes check every request.
 */
export class Facade {
  readonly #options: FacadeOptions;
  readonly #router: Router;
  readonly #forwarder: Forwarder;
  readonly #calls: PointCalls;
  readonly #data: DataFront;
  readonly #routes: RoutesFront;
  readonly #admin: AdminFront;
  readonly #keeper: MapKeeper;
  readonly #feed: MapFeed;
  readonly #forger: MapForger | null;
  readonly #telemetry: FacadeTelemetry;
  readonly #admission = new Admission(limits);
  readonly #pipes = new Set<ClientPipe>();
  readonly #watchStreams: WatchStreams;
  readonly #clientWatches = new Set<ClientWatches>();
  #watches = 0;
  readonly #logTimes = new Map<number, number>();
  readonly #bornMs: number;
  readonly #backoff: BackoffOptions;
  #openStreams = 0;
  #openCalls = 0;
  #describedMs = Number.NEGATIVE_INFINITY;
  #kept: Promise<void> = Promise.resolve();
  #isDraining = false;

  /** Asks nobody yet: see {@link start}. */
  constructor(options: FacadeOptions) {
    const { transport, clock, random, logger, metrics, version } = options;
    this.#options = options;
    this.#bornMs = clock.monotonicMs();
    this.#backoff = options.backoff ?? defaultBackoff;
    const backoff = this.#backoff;
    const ports = { transport, clock, random };
    this.#telemetry = facadeTelemetry(metrics, () => this.#gauges());
    this.#router = new Router(
      ports,
      { endpoints: options.nodes, backoff, direct: true },
      {
        logTime: (partitionId, logTime) => this.#sawLogTime(partitionId, logTime),
        described: () => {
          this.#describedMs = clock.monotonicMs();
          this.#forwarder.leaveSilent();
          this.#forwarder.prune();
          this.#feed.changed();
        },
      },
    );
    const router = this.#router;
    this.#watchStreams = new WatchStreams({ ...ports, backoff });
    this.#forwarder = new Forwarder({
      transport,
      clock,
      router,
      telemetry: this.#telemetry,
      sawLogTime: (partitionId, logTime) => this.#sawLogTime(partitionId, logTime),
    });
    const forwarder = this.#forwarder;
    const admission = this.#admission;
    this.#calls = new PointCalls({ clock, random, backoff, forwarder, admission });
    const checkCluster = (clusterId: Uint8Array): void => this.#checkCluster(clusterId);
    const checkJoined = (): void => this.#checkJoined();
    const logTime = (partitionId: number): number => this.#logTimes.get(partitionId) ?? 0;
    this.#data = new DataFront(this.#calls, checkCluster);
    this.#routes = new RoutesFront({ clock, router, version, logTime, checkJoined, checkCluster });
    const uuid = random.bytes(16);
    const facts = (): FacadeFacts => ({
      version,
      address: options.address(),
      uuid,
      uptimeMs: () => clock.monotonicMs() - this.#bornMs,
    });
    this.#admin = new AdminFront({ ...ports, backoff, router, facts });
    const changed = (): void => this.#feed.changed();
    this.#keeper = new MapKeeper({ ...ports, logger, backoff, router, changed });
    const clusterId = (): Uint8Array => router.finder.clusterId;
    const revision = (): number => this.#keeper.revision;
    this.#feed = new MapFeed({ map: router.map, clusterId, revision }, clock);
    const { forgedMap } = options;
    this.#forger =
      forgedMap === undefined ? null : new MapForger(router.map, clock, logger, forgedMap);
  }

  /** Begins to look for the cluster. */
  start(): void {
    this.#kept = this.#keeper.run();
    this.#forger?.start();
  }

  /** Null when it serves; else why not. */
  notReadyReason(): string | null {
    if (this.#isDraining) return 'draining';
    if (this.#router.map.routes.length === 0) return 'no partition map yet';
    const heardMs = Math.max(this.#keeper.heardMs, this.#describedMs);
    const silentMs = this.#options.clock.monotonicMs() - heardMs;
    return silentMs > REACHED_MS ? `no node was heard of for ${Math.round(silentMs)} ms` : null;
  }

  /** Streams and calls of clients that are open. */
  get openStreams(): number {
    return this.#pipes.size + this.#clientWatches.size + this.#openStreams + this.#openCalls;
  }

  /** dougdb.v1.Doug/Pipe. */
  openPipe(output: ClientPipeOutput): ClientPipe {
    const pipe = new ClientPipe(
      {
        clock: this.#options.clock,
        admission: this.#admission,
        forwarder: this.#forwarder,
        refusal: (clusterId) => this.#refusal(clusterId),
        onClosed: (closed) => this.#pipes.delete(closed),
      },
      output,
    );
    this.#pipes.add(pipe);
    return pipe;
  }

  /** dougdb.v1.Doug/Watch. */
  openWatches(output: ClientWatchesOutput): ClientWatches {
    const { clock, random } = this.#options;
    const watches = new ClientWatches(
      {
        ports: {
          streams: this.#watchStreams,
          router: this.#router,
          clock,
          random,
          backoff: this.#backoff,
        },
        admit: ({ context }) => this.#admitWatch(context),
        left: () => {
          this.#watches--;
        },
        onClosed: (closed) => this.#clientWatches.delete(closed),
      },
      output,
    );
    this.#clientWatches.add(watches);
    return watches;
  }

  /** One call with one answer. @throws DougError */
  async unary(method: FacadeMethod, request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    this.#openCalls++;
    try {
      const answer = await this.#answer(method, request, call);
      this.#count(method, 'OK');
      return answer;
    } catch (error) {
      const known = DougError.from(error);
      this.#count(method, known.reason);
      throw known;
    } finally {
      this.#openCalls--;
    }
  }

  /** dougdb.v1.Doug/Scan. @throws DougError */
  async scan(request: Uint8Array, call: CallContext, output: StreamOutput): Promise<void> {
    this.#checkServing();
    this.#openStreams++;
    const { transport, clock, random } = this.#options;
    const ports = { transport, router: this.#router, clock, random, backoff: this.#backoff };
    const checkContext = (context: RequestContext | undefined): void => this.#checkContext(context);
    try {
      await serveScan(ports, request, call, output, checkContext);
      this.#count('/dougdb.v1.Doug/Scan', 'OK');
    } catch (error) {
      this.#count('/dougdb.v1.Doug/Scan', DougError.from(error).reason);
      throw error;
    } finally {
      this.#openStreams--;
    }
  }

  /** dougdb.v1.Routes/WatchMap. Resolves when the signal fires or the facade stops. @throws DougError */
  async watchMap(request: Uint8Array, output: StreamOutput, signal: AbortSignal): Promise<void> {
    this.#checkServing();
    await this.#feed.serve(request, output, signal, (clusterId) => this.#checkCluster(clusterId));
  }

  /** Takes nothing more and waits for what is under way, at most so long. */
  async drain(limitMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    const untilMs = clock.monotonicMs() + limitMs;
    this.#isDraining = true;
    this.#feed.close();
    this.#endWatches();
    while (this.#workInFlight() > 0 && clock.monotonicMs() < untilMs) {
      await pause(clock, DRAIN_LOOK_MS, undefined);
    }
    logger.info('facade.drained', { left: this.#workInFlight() });
  }

  /** Ends everything: what is under way is answered as what it is, lost or in doubt. */
  async close(): Promise<void> {
    this.#isDraining = true;
    this.#forger?.stop();
    this.#keeper.close();
    this.#feed.close();
    this.#calls.close();
    this.#forwarder.close();
    for (const pipe of [...this.#pipes]) pipe.end();
    this.#endWatches();
    this.#watchStreams.close();
    this.#router.close();
    this.#options.transport.close();
    await this.#kept;
  }

  #answer(method: FacadeMethod, request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    switch (method) {
      case '/dougdb.v1.Doug/Get':
        this.#checkServing();
        return this.#data.get(request, call);
      case '/dougdb.v1.Doug/Put':
        this.#checkServing();
        return this.#data.put(request, call);
      case '/dougdb.v1.Doug/Delete':
        this.#checkServing();
        return this.#data.delete(request, call);
      case '/dougdb.v1.Doug/MultiGet':
        this.#checkServing();
        return this.#data.multiGet(request, call);
      case '/dougdb.v1.Doug/Txn':
        this.#checkServing();
        return this.#data.txn(request, call);
      case '/dougdb.v1.Doug/DeleteRange':
        this.#checkServing();
        return this.#data.deleteRange(request, call);
      case '/dougdb.v1.Routes/Describe':
        return Promise.resolve(this.#routes.describe(request));
      case '/dougdb.v1.Routes/Lookup':
        return this.#routes.lookup(request, call);
      case '/dougdb.admin.v1.Admin/Status':
        return this.#admin.status(request, call);
      case '/dougdb.admin.v1.Admin/MemberList':
        return this.#admin.memberList(request, call);
      case '/dougdb.admin.v1.Admin/PartitionList':
        return this.#admin.partitionList(request, call);
      case '/dougdb.admin.v1.Admin/TransferLeader':
        return this.#admin.transferLeader(request, call, (id) => this.#checkCluster(id));
      case '/dougdb.admin.v1.Admin/Compact':
        return this.#admin.compact(request, call, (id) => this.#checkCluster(id));
      default:
        throw new DougError('UNIMPLEMENTED', `method ${String(method)} does not exist here`);
    }
  }

  #count(method: string, code: string): void {
    this.#telemetry.requests.add(1, { method, code });
  }

  #workInFlight(): number {
    let items = this.#openCalls + this.#openStreams;
    for (const pipe of this.#pipes) items += pipe.openItems;
    return items;
  }

  /** Why no item of a message is taken; null: they are. */
  #refusal(clusterId: Uint8Array): DougError | null {
    if (this.#isDraining) return draining;
    const own = this.#router.finder.clusterId;
    if (own.length === 0) return starting;
    return clusterId.length === 0 || sameBytes(clusterId, own) ? null : otherCluster;
  }

  #endWatches(): void {
    for (const watches of this.#clientWatches) watches.endAll(draining);
  }

  /** @throws DougError: it is not taken on */
  #admitWatch(context: RequestContext | undefined): void {
    this.#checkServing();
    this.#checkContext(context);
    const { mostWatches = limits.watches } = this.#options;
    if (this.#watches >= mostWatches) {
      throw new DougError('BUSY', `${mostWatches} watches are open here`, { retryAfterMs: 1_000 });
    }
    this.#watches++;
  }

  #checkContext(context: RequestContext | undefined): void {
    this.#checkCluster(context?.clusterId ?? noId);
    if (context?.partitionId === META_PARTITION) throw metaIsClosed;
  }

  #checkServing(): void {
    if (this.#isDraining) throw draining;
    this.#checkJoined();
  }

  #checkJoined(): void {
    if (this.#router.finder.clusterId.length === 0) throw starting;
  }

  #checkCluster(clusterId: Uint8Array): void {
    if (clusterId.length === 0) return;
    if (!sameBytes(clusterId, this.#router.finder.clusterId)) throw otherCluster;
  }

  #sawLogTime(partitionId: number, logTime: number): void {
    // The newest: a session that begins before it is as good, one that begins after it may be refused.
    if (logTime > (this.#logTimes.get(partitionId) ?? 0)) this.#logTimes.set(partitionId, logTime);
  }

  #gauges(): FacadeGauges {
    return {
      client_streams: this.openStreams,
      open_items: this.#admission.ops,
      open_bytes: this.#admission.sizeBytes,
      watches: this.#watches,
      node_links: this.#forwarder.links,
      partitions: this.#router.map.routes.length,
      map_revision: this.#keeper.revision,
      map_watched: this.#keeper.watched === '' ? 0 : 1,
      ready: this.notReadyReason() === null ? 1 : 0,
    };
  }
}

const noId = new Uint8Array(0);

// Made once: an error object costs more than all else that is done for an item.
const draining = new DougError('DRAINING', 'the facade is stopping');
const starting = new DougError('STARTING', 'the facade has not found its cluster yet');
const otherCluster = new DougError('CLUSTER_MISMATCH', 'this facade belongs to another cluster');
const metaIsClosed = new DougError(
  'INVALID_ARGUMENT',
  `partition ${META_PARTITION} is the cluster's own`,
);

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
