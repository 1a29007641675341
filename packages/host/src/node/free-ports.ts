import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { UsageError } from '../usage-error.js';

const HOST = '127.0.0.1';

/** @throws UsageError that names the port when somebody listens on it */
export async function checkFree(port: number): Promise<void> {
  try {
    await close(await listen(port));
  } catch (cause) {
    throw new UsageError(`port ${port} on ${HOST} is taken: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** So many ports that nobody listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  for (let at = 0; at < count; at++) servers.push(await listen(0));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await close(server);
  // In order, so that the first member also has the smallest address.
  return ports.sort((a, b) => a - b);
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
