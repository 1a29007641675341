import type { Clock, Logger, Random } from '@dougdb/ports';
import { DougError, WatchMapRequest, WatchMapResponse } from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import { boundedWait } from '../bounded-wait.js';
import { pause } from '../pause.js';
import type { Router } from '../routing/router.js';
import type { NodeTransport } from '../transport.js';

const WATCH_MAP = '/dougdb.v1.Routes/WatchMap';
/** A watch says something at least every 5 s: one that is silent for so long is over. */
const SILENCE_MS = 10_000;
/** Longest that one round of asking for the cluster takes. */
const CONNECT_MS = 5_000;

/** What keeps a map is made of. */
export interface MapKeeperPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly backoff: BackoffOptions;
  readonly router: Router;
  /** The map may have changed. */
  readonly changed: () => void;
}

/**
 * Keeps the router's map up to date: asks any node what it knows (which needs no quorum of anything),
 * then watches the map on one node at a time, from where the last watch ended. A node that ends its
 * watch or falls silent is left for another one.
 *
 * The map is a help, never a truth: nodes check every request.
 */
export class MapKeeper {
  readonly #ports: MapKeeperPorts;
  readonly #stop = new AbortController();
  #revision = 0;
  #turn = 0;
  #watched = '';
  #heardMs = Number.NEGATIVE_INFINITY;

  constructor(ports: MapKeeperPorts) {
    this.#ports = ports;
  }

  /** Revision of the meta group up to which everything has been told; 0: nothing was. */
  get revision(): number {
    return this.#revision;
  }

  /** Address of the node whose watch is open; empty: none is. */
  get watched(): string {
    return this.#watched;
  }

  /** When a node last told something, monotonic; -Infinity: none has. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Runs until {@link close}. Never rejects. */
  async run(): Promise<void> {
    await this.#connect();
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const began = this.#heardMs;
      const error = await this.#watch(this.#nextAddress());
      if (this.#stop.signal.aborted) return;
      failures = this.#heardMs > began ? 1 : failures + 1;
      const { clock, random, backoff, logger, router } = this.#ports;
      logger.debug('facade.map.watch.ended', { reason: error.message, code: error.code });
      // Without a watch the map lives by questions.
      router.finder.refresh();
      await pause(clock, backoffMs(failures, random, backoff), this.#stop.signal);
    }
  }

  close(): void {
    this.#stop.abort();
  }

  /** Learns what cluster this is. */
  async #connect(): Promise<void> {
    const { router, logger, clock } = this.#ports;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await router.finder.connect(CONNECT_MS, signal);
        this.#heardMs = clock.monotonicMs();
        this.#ports.changed();
        return;
      } catch (error) {
        const { code, message } = DougError.from(error);
        if (!signal.aborted) logger.warn('facade.waiting', { code, reason: message });
      }
    }
  }

  /** @returns why the watch has ended */
  async #watch(address: string): Promise<DougError> {
    const { transport, clock, router } = this.#ports;
    const abort = new AbortController();
    const { clusterId } = router.finder;
    const request = WatchMapRequest.encode({ clusterId, sinceRevision: this.#revision }).finish();
    const messages = transport.stream(address, WATCH_MAP, request, abort.signal);
    const iterator = messages[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await boundedWait(iterator.next(), clock, SILENCE_MS, this.#stop.signal);
        if (step.done) return new DougError('NO_LEADER', `${address} ended its watch`);
        this.#learn(decode(address, step.value));
        this.#watched = address;
      }
    } catch (error) {
      return DougError.from(error, 'NOT_APPLIED');
    } finally {
      this.#watched = '';
      abort.abort();
    }
  }

  #learn(told: WatchMapResponse): void {
    const { router, clock } = this.#ports;
    const { map } = router;
    if (!sameBytes(told.clusterId, router.finder.clusterId)) {
      throw new DougError('CLUSTER_MISMATCH', 'the watched node belongs to another cluster');
    }
    this.#heardMs = clock.monotonicMs();
    for (const node of told.nodes) map.installNode(node);
    for (const partition of told.partitions) {
      map.install({ partition, leaderNodeId: 0, nodes: [], logTime: 0 });
    }
    for (const { partitionId, leaderNodeId } of told.leaders) {
      map.installLeader(partitionId, leaderNodeId);
    }
    // A node that lags behind may tell less than what is known.
    this.#revision = Math.max(this.#revision, told.revision);
    this.#ports.changed();
  }

  /** Another one each time; those that failed a moment ago last. */
  #nextAddress(): string {
    const { router } = this.#ports;
    const all = router.finder.addresses;
    const turned = all.map((_, i) => all[(i + this.#turn) % all.length] as string);
    this.#turn++;
    return turned.find((address) => !router.isShunned(address)) ?? turned[0] ?? '';
  }
}

function decode(address: string, bytes: Uint8Array): WatchMapResponse {
  try {
    return WatchMapResponse.decode(bytes);
  } catch (cause) {
    throw new DougError('INTERNAL', `${address} sent garbage`, { outcome: 'NOT_APPLIED', cause });
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
