import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addressOf, hostOf, portOf } from '../address.js';
import { UsageError } from '../usage-error.js';

export interface AdminOptions {
  /** Null when ready, else why not. */
  readonly notReadyReason: () => string | null;
  readonly renderMetrics: () => Promise<{ contentType: string; body: string }>;
  /** Answers a POST; null: there is no such path. Left out: only GET is served. */
  readonly post?: ((path: string) => { status: number; body: string } | null) | undefined;
}

const HEADERS_TIMEOUT_MS = 5_000;

/** Plain HTTP for machines that watch: /livez, /readyz and /metrics. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #server: Server;
  #address = '';

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        reply(response, 500, 'text/plain', `${(error as Error).message}\n`);
      });
    });
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.maxConnections = 64;
  }

  /** HOST:PORT it listens on. */
  get address(): string {
    return this.#address;
  }

  /** @throws UsageError when the port is in use or the address is none of this machine */
  async listen(address: string): Promise<void> {
    const host = hostOf(address);
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => {
        reject(new UsageError(`--admin ${address}: ${cause.message}`, { cause }));
      };
      this.#server.once('error', failed);
      this.#server.listen(portOf(address), host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    const bound = this.#server.address() as AddressInfo;
    this.#address = addressOf(host, bound.port);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? '';
    const { post } = this.#options;
    if (request.method === 'POST' && post !== undefined) {
      const { status, body } = post(path) ?? { status: 404, body: 'not here\n' };
      reply(response, status, 'text/plain', body);
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply(response, 405, 'text/plain', 'only GET\n');
      return;
    }
    switch (path) {
      // That it is answered is the answer: the loop turns.
      case '/livez':
        reply(response, 200, 'text/plain', 'ok\n');
        return;
      case '/readyz': {
        const reason = this.#options.notReadyReason();
        if (reason === null) reply(response, 200, 'text/plain', 'ok\n');
        else reply(response, 503, 'text/plain', `${reason}\n`);
        return;
      }
      case '/metrics': {
        const { contentType, body } = await this.#options.renderMetrics();
        reply(response, 200, contentType, body);
        return;
      }
      default:
        reply(response, 404, 'text/plain', 'here are /livez, /readyz and /metrics\n');
    }
  }
}

function reply(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
