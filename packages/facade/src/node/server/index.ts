/**
 * A facade on a gRPC server: the same services as a node's, over raw bytes.
 * @packageDocumentation
 */
import { adminService, dougService, routesService, serverOptions } from '@dougdb/rpc-proto/node';
import { Server } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';
import { pipeHandler } from './pipe-handler.js';
import { scanHandler, watchMapHandler } from './stream-handlers.js';
import { unaryHandlers } from './unary-handlers.js';
import { watchHandler } from './watch-handler.js';

/** Full names of the services that a facade serves, beside health and reflection. */
export const facadeServices: readonly string[] = [
  'dougdb.v1.Doug',
  'dougdb.v1.Routes',
  'dougdb.admin.v1.Admin',
];

/** A server with everything that a facade serves. It is not bound to a port yet. */
export function facadeServer(facade: Facade): Server {
  const server = new Server(serverOptions);
  server.addService(dougService, {
    ...unaryHandlers(dougService, facade),
    scan: scanHandler(facade),
    watch: watchHandler(facade),
    pipe: pipeHandler(facade),
  });
  server.addService(routesService, {
    ...unaryHandlers(routesService, facade),
    watchMap: watchMapHandler(facade),
  });
  server.addService(adminService, unaryHandlers(adminService, facade));
  return server;
}
