import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { addressOf, hostOf } from '../../address.js';
import { UsageError } from '../../usage-error.js';

/**
 * Binds a server to HOST:PORT.
 * @returns HOST:PORT with the port that it got
 * @throws UsageError when the port is in use or the address is none of this machine
 */
export async function listenAt(server: Server, address: string): Promise<string> {
  const credentials = ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new UsageError(`--listen ${address}: ${error.message}`, { cause: error }));
    });
  });
  return addressOf(hostOf(address), port);
}

/** Lets open calls end, at most so long; then everything is closed. */
export async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  server.forceShutdown();
}
