import { addReflection, Health, listenAt, shutDown } from '@dougdb/host/node';
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
import { Server } from '@grpc/grpc-js';
import type { MemberHolder } from './member-holder.js';
import { pipeHandler } from './pipe-handler.js';
import { raftHandler } from './raft-handler.js';
import { scanHandler } from './scan-handler.js';
import { unaryHandlers } from './unary-handlers.js';
import { watchHandler } from './watch-handler.js';
import { watchMapHandler } from './watch-map-handler.js';

/** The one gRPC port of a member: everything that it serves, over raw bytes. */
export class GrpcServer {
  readonly health = new Health(['dougdb.v1.Doug', 'dougdb.raft.v1.Raft']);
  readonly #server: Server;
  #address = '';

  constructor(holder: MemberHolder) {
    this.#server = new Server(serverOptionsFor(limits, peerMessageBytes()));
    this.#server.addService(dougService, {
      ...unaryHandlers(dougService, holder),
      scan: scanHandler(holder),
      watch: watchHandler(holder),
      pipe: pipeHandler(holder),
    });
    this.#server.addService(routesService, {
      ...unaryHandlers(routesService, holder),
      watchMap: watchMapHandler(holder),
    });
    this.#server.addService(adminService, unaryHandlers(adminService, holder));
    this.#server.addService(genesisService, unaryHandlers(genesisService, holder));
    this.#server.addService(raftService, { messages: raftHandler(holder) });
    this.health.addTo(this.#server);
    addReflection(this.#server, () => true);
  }

  /** HOST:PORT it listens on. */
  get address(): string {
    return this.#address;
  }

  /** @throws UsageError when the port is in use or the address is none of this machine */
  async listen(address: string): Promise<void> {
    this.#address = await listenAt(this.#server, address);
  }

  /** Lets open calls end, at most so long; then everything is closed. */
  close(graceMs: number): Promise<void> {
    return shutDown(this.#server, graceMs);
  }
}
