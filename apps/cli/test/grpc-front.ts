import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { FakeCluster, type FakeClusterOptions } from '@dougdb/client/testing';
import { NodeClock } from '@dougdb/ports/node';

/** A cluster of one node in memory, served on a real port: gRPC by hand, enough for a client of ours. */
export class GrpcFront {
  readonly cluster: FakeCluster;
  readonly address: string;
  readonly #server: Http2Server;

  private constructor(server: Http2Server, options: Partial<FakeClusterOptions>) {
    this.cluster = new FakeCluster({
      ...{ clock: new NodeClock(), nodes: 1, latencyMs: 0, chunkEntries: 1_000 },
      ...options,
    });
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [node] = this.cluster.nodes;
    if (node !== undefined) node.address = this.address;
  }

  static async start(options: Partial<FakeClusterOptions> = {}): Promise<GrpcFront> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const front = new GrpcFront(server, options);
    server.on('stream', (stream, headers) => front.#serve(stream, String(headers[':path'])));
    return front;
  }

  close(): void {
    this.cluster.close();
    this.#server.close();
    // Clients that are still connected hold it open.
    this.#server.unref();
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    stream.on('error', () => {});
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (path.endsWith('/Pipe')) this.#pipe(stream);
    else if (path.endsWith('/Scan')) this.#scan(stream, path);
    else this.#unary(stream, path);
  }

  #unary(stream: ServerHttp2Stream, path: string): void {
    readMessages(stream, (request) => {
      void this.cluster.unary(this.address, path, request, 5_000).then((answer) => {
        stream.end(framed(answer));
      });
    });
  }

  #scan(stream: ServerHttp2Stream, path: string): void {
    const stop = new AbortController();
    stream.on('close', () => stop.abort());
    readMessages(stream, (request) => {
      const chunks = this.cluster.stream(this.address, path, request, stop.signal);
      void (async () => {
        for await (const chunk of chunks) {
          if (!stream.write(framed(chunk))) await once(stream, 'drain', { signal: stop.signal });
        }
        stream.end();
      })().catch(() => stream.close());
    });
  }

  #pipe(stream: ServerHttp2Stream): void {
    const early: Uint8Array[] = [];
    let isOpen = false;
    const pipe = this.cluster.openPipe(this.address, {
      opened: () => {
        isOpen = true;
        for (const request of early) pipe.send(request);
      },
      received: (response) => void stream.write(framed(response)),
      drained: () => {},
      closed: () => stream.close(),
    });
    readMessages(stream, (request) => {
      if (isOpen) pipe.send(request);
      else early.push(request);
    });
    stream.on('close', () => pipe.close());
  }
}

/** A message of gRPC: no compression, length, bytes. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function readMessages(stream: ServerHttp2Stream, each: (message: Uint8Array) => void): void {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      each(new Uint8Array(rest.subarray(5, end)));
      rest = rest.subarray(end);
    }
  });
}
