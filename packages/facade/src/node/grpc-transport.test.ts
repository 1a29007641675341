import type { DougError } from '@dougdb/rpc-proto';
import { dougService, grpcError, serverOptions } from '@dougdb/rpc-proto/node';
import {
  Client,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import type { PipeConnection, PipeEvents } from '../transport.js';
import { GrpcTransport } from './grpc-transport.js';

const CHUNK_BYTES = 1 << 20;
const CHUNKS = 40;

describe('a stream of answers', () => {
  let server: Server;
  let address: string;
  let transport: GrpcTransport;
  /** Messages that the connection has taken from the server. */
  let taken = 0;

  beforeEach(async () => {
    taken = 0;
    transport = new GrpcTransport();
    server = new Server(serverOptions);
    const unused = (_call: unknown, callback: (error: object) => void): void =>
      callback(grpcError(new Error('not used')));
    server.addService(dougService, {
      get: unused,
      put: unused,
      delete: unused,
      multiGet: unused,
      pipe: () => undefined,
      scan: (call: ServerWritableStream<Uint8Array, Uint8Array>) => {
        const next = (at: number): void => {
          if (at === CHUNKS || call.cancelled) {
            call.end();
            return;
          }
          call.write(new Uint8Array(CHUNK_BYTES).fill(at), () => {
            taken++;
            next(at + 1);
          });
        };
        next(0);
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    address = `127.0.0.1:${port}`;
  });
  afterEach(() => {
    transport.close();
    server.forceShutdown();
  });

  /** Until the server has been idle for many turns of the loop. */
  async function quiet(): Promise<void> {
    for (let idle = 0, last = taken; idle < 200; idle++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (taken !== last) idle = 0;
      last = taken;
    }
  }

  it('is not read ahead of a slow reader by more than what the connection holds', async () => {
    const { path } = dougService.scan;
    const { signal } = new AbortController();
    let read = 0;
    for await (const chunk of transport.stream(address, path, new Uint8Array(0), signal)) {
      expect([chunk.length, chunk[0]]).toEqual([CHUNK_BYTES, read]);
      read++;
      if (read > 4) continue;
      await quiet();
      // One in the hand, one read, and what HTTP/2's windows and the sockets take.
      expect(taken - read).toBeLessThan(8);
    }
    expect(read).toBe(CHUNKS);
  });

  it('ends when its reader leaves', async () => {
    const { path } = dougService.scan;
    const { signal } = new AbortController();
    for await (const chunk of transport.stream(address, path, new Uint8Array(0), signal)) {
      expect(chunk[0]).toBe(0);
      break;
    }
    await quiet();
    expect(taken).toBeLessThan(CHUNKS);
  });

  it('is not kept when its reader stops by the signal, however many there were', async () => {
    const { path } = dougService.scan;
    const make = jest.spyOn(Client.prototype, 'makeServerStreamRequest');
    const cancels: jest.SpyInstance[] = [];
    for (let i = 0; i < 3; i++) {
      const stop = new AbortController();
      const chunks = transport.stream(address, path, new Uint8Array(0), stop.signal);
      expect((await chunks.next()).done).toBe(false);
      const call = make.mock.results[i]?.value as ServerWritableStream<unknown, unknown>;
      cancels.push(jest.spyOn(call as unknown as { cancel(): void }, 'cancel'));
      stop.abort();
    }
    // Whatever is open is cancelled: nothing is.
    transport.close();
    expect(cancels.map((cancel) => cancel.mock.calls.length)).toEqual([1, 1, 1]);
    make.mockRestore();
  });
});

describe('a stream in both directions', () => {
  const opening: [
    string,
    (transport: GrpcTransport, address: string, events: PipeEvents) => PipeConnection,
  ][] = [
    ['a pipe', (transport, address, events) => transport.openPipe(address, events)],
    [
      'watches',
      (transport, address, events) => transport.openStream(address, dougService.watch.path, events),
    ],
  ];
  it.each(opening)(
    'of %s to what is no address is closed, and does not throw',
    async (_what, open) => {
      const transport = new GrpcTransport();
      for (const address of ['', '\n', 'http://[']) {
        const error = await new Promise<DougError>((resolve, reject) => {
          open(transport, address, {
            opened: () => reject(new Error('opened')),
            received: () => reject(new Error('received')),
            drained: () => reject(new Error('drained')),
            closed: resolve,
          });
        });
        expect([error.code, error.outcome]).toEqual(['DOUG_NO_LEADER', 'NOT_APPLIED']);
      }
      transport.close();
    },
  );

  it('carries messages both ways, on a connection that is not the pipes', async () => {
    const peers = new Map<string, string>();
    const server = new Server(serverOptions);
    const echo =
      (name: string) =>
      (call: ServerDuplexStream<Uint8Array, Uint8Array>): void => {
        peers.set(name, call.getPeer());
        call.on('data', (message: Uint8Array) => {
          if (message[0] === 4) call.emit('error', grpcError(new Error('a bug')));
          else call.write(message);
        });
      };
    const unused = (_call: unknown, callback: (error: object) => void): void =>
      callback(grpcError(new Error('not used')));
    server.addService(
      { watch: dougService.watch, pipe: dougService.pipe, get: dougService.get },
      { watch: echo('watch'), pipe: echo('pipe'), get: unused },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const address = `127.0.0.1:${port}`;
    const transport = new GrpcTransport();
    for (const [, open] of opening) {
      await new Promise<void>((resolve, reject) => {
        let connection: PipeConnection | null = null;
        connection = open(transport, address, {
          opened: () => connection?.send(Uint8Array.of(1, 2, 3)),
          received: (message) => {
            expect([...message]).toEqual([1, 2, 3]);
            connection?.close();
            resolve();
          },
          drained: () => undefined,
          closed: reject,
        });
      });
    }
    expect(peers.get('watch')).not.toBe(peers.get('pipe'));
    const error = await new Promise<DougError>((resolve) => {
      const stream = transport.openStream(address, dougService.watch.path, {
        opened: () => stream.send(Uint8Array.of(4)),
        received: () => undefined,
        drained: () => undefined,
        closed: resolve,
      });
    });
    // Whoever watches changes nothing: nothing is in doubt.
    expect([error.code, error.outcome]).toEqual(['DOUG_INTERNAL', 'NOT_APPLIED']);
    transport.close();
    server.forceShutdown();
  });
});
