import { limits } from '@dougdb/rpc-proto';
import {
  adminService,
  dougService,
  genesisService,
  peerMessageBytes,
  raftService,
  routesService,
  serverOptionsFor,
} from '@dougdb/rpc-proto/node';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { hostOf } from '../config/resolve.js';
import { UsageError } from '../config/usage-error.js';
import { Health } from './health.js';
import type { MemberHolder } from './member-holder.js';
import { pipeHandler } from './pipe-handler.js';
import { raftHandler } from './raft-handler.js';
import { addReflection } from './reflection.js';
import { scanHandler } from './scan-handler.js';
import { unaryHandlers } from './unary-handlers.js';

/** The one gRPC port of a member: everything that it serves, over raw bytes. */
export class GrpcServer {
  readonly health = new Health();
  readonly #server: Server;
  #address = '';

  constructor(holder: MemberHolder) {
    this.#server = new Server(serverOptionsFor(limits, peerMessageBytes()));
    this.#server.addService(dougService, {
      ...unaryHandlers(dougService, holder),
      scan: scanHandler(holder),
      pipe: pipeHandler(holder),
    });
    this.#server.addService(routesService, unaryHandlers(routesService, holder));
    this.#server.addService(adminService, unaryHandlers(adminService, holder));
    this.#server.addService(genesisService, unaryHandlers(genesisService, holder));
    this.#server.addService(raftService, { messages: raftHandler(holder) });
    this.health.addTo(this.#server);
    addReflection(this.#server);
  }

  /** HOST:PORT it listens on. */
  get address(): string {
    return this.#address;
  }

  /** @throws UsageError when the port is in use or the address is none of this machine */
  async listen(address: string): Promise<void> {
    const credentials = ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(new UsageError(`--listen ${address}: ${error.message}`, { cause: error }));
      });
    });
    const host = hostOf(address);
    this.#address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** Lets open calls end, at most so long; then everything is closed. */
  async close(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#server.forceShutdown();
  }
}
