import { GrpcTransport } from '@dougdb/facade/node';
import { Facade } from '@dougdb/facade/proxy';
import { facadeServer, facadeServices } from '@dougdb/facade/server';
import { isLoopback } from '@dougdb/host';
import {
  AdminServer,
  addReflection,
  EventLoopLag,
  Health,
  listenAt,
  processMetrics,
  shutDown,
} from '@dougdb/host/node';
import type { Logger, Random } from '@dougdb/ports';
import { NodeClock, NodeRandom } from '@dougdb/ports/node';
import type { Server } from '@grpc/grpc-js';
import type { FacadeConfig } from './config/schema.js';
import { version } from './version.js';

/** How often readiness is looked at. */
const READY_LOOK_MS = 20;
/** All of stopping takes at most 10 s; this much of it waits for work in flight. */
const DRAIN_MS = 8_000;
const GRACE_MS = 1_000;

/** What a facade is started with. */
export interface RunningFacadeOptions {
  readonly config: FacadeConfig;
  /** Events of its life. */
  readonly logger: Logger;
  /** For tests: makes the map wrong all the time, by these numbers. */
  readonly forgedMap?: Random | undefined;
}

/** A facade with its ports open. */
export class RunningFacade {
  /** HOST:PORT of the gRPC server. */
  readonly grpcAddress: string;
  /** HOST:PORT of the HTTP server. */
  readonly adminAddress: string;
  readonly #facade: Facade;
  readonly #server: Server;
  readonly #admin: AdminServer;
  readonly #lag: EventLoopLag;
  readonly #health: Health;
  readonly #readyTimer: NodeJS.Timeout;
  #stopping: Promise<void> | null = null;

  private constructor(parts: Parts, grpcAddress: string) {
    this.grpcAddress = grpcAddress;
    this.adminAddress = parts.admin.address;
    this.#facade = parts.facade;
    this.#server = parts.server;
    this.#admin = parts.admin;
    this.#lag = parts.lag;
    this.#health = parts.health;
    const look = (): void => this.#health.set(this.notReadyReason() === null);
    this.#readyTimer = setInterval(look, READY_LOOK_MS);
  }

  /**
   * Opens the ports, then looks for the cluster.
   * @throws UsageError (exit code 2: port in use)
   */
  static async start(options: RunningFacadeOptions): Promise<RunningFacade> {
    const { config, logger } = options;
    let address = config.listen;
    const parts = makeParts(options, () => address);
    try {
      await parts.admin.listen(config.admin);
      address = await listenAt(parts.server, config.listen);
    } catch (error) {
      await closeParts(parts, 0);
      throw error;
    }
    if (!isLoopback(config.listen)) {
      const reason = 'no TLS, no authentication';
      logger.warn('facade.insecure', { listen: config.listen, reason });
    }
    parts.facade.start();
    return new RunningFacade(parts, address);
  }

  /** Null when it serves; otherwise why not. */
  notReadyReason(): string | null {
    return this.#facade.notReadyReason();
  }

  /** Resolves when it serves for the first time. */
  async whenReady(): Promise<void> {
    while (this.notReadyReason() !== null && this.#stopping === null) {
      await new Promise((done) => setTimeout(done, READY_LOOK_MS));
    }
  }

  /** Finishes what is in flight, closes everything; at most about 10 s. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#readyTimer);
    this.#health.set(false);
    await this.#facade.drain(DRAIN_MS);
    const parts = { facade: this.#facade, server: this.#server, admin: this.#admin };
    await closeParts({ ...parts, lag: this.#lag, health: this.#health }, GRACE_MS);
  }
}

interface Parts {
  readonly facade: Facade;
  readonly server: Server;
  readonly admin: AdminServer;
  readonly lag: EventLoopLag;
  readonly health: Health;
}

function makeParts({ config, logger, forgedMap }: RunningFacadeOptions, address: () => string) {
  const metrics = processMetrics(version);
  const facade = new Facade({
    nodes: [...new Set(config.nodes)],
    transport: new GrpcTransport(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    logger,
    metrics,
    version,
    address,
    forgedMap,
  });
  const server = facadeServer(facade);
  const health = new Health(['dougdb.v1.Doug']);
  health.addTo(server);
  addReflection(server, (service) => facadeServices.includes(service));
  const admin = new AdminServer({
    notReadyReason: () => facade.notReadyReason(),
    renderMetrics: () => metrics.render(),
  });
  return { facade, server, admin, health, lag: new EventLoopLag(metrics) };
}

async function closeParts(parts: Parts, graceMs: number): Promise<void> {
  parts.lag.stop();
  await parts.facade.close();
  await shutDown(parts.server, graceMs);
  await parts.admin.close();
}
