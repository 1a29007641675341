import { once } from 'node:events';
import { GrpcTransport } from '@dougdb/facade/node';
import { NodeClock } from '@dougdb/ports/node';
import type { DougError, NodeDescriptor } from '@dougdb/rpc-proto';
import {
  adminService,
  dougService,
  grpcError,
  routesService,
  serverOptions,
} from '@dougdb/rpc-proto/node';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { DougClient } from '../src/index.js';
import { FakeCluster } from '../src/testing/index.js';

type Unary = (
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
  callback: sendUnaryData<Uint8Array>,
) => void;

/** Serves a cluster in memory on real ports. */
class GrpcFront {
  readonly cluster: FakeCluster;
  readonly #servers: Server[] = [];

  private constructor() {
    this.cluster = new FakeCluster({ clock: new NodeClock(), latencyMs: 0 });
  }

  static async start(): Promise<GrpcFront> {
    const front = new GrpcFront();
    for (const node of front.cluster.nodes) await front.#serve(node);
    return front;
  }

  get addresses(): string[] {
    return this.cluster.endpoints;
  }

  /** Breaks all connections to a node and serves it no more. */
  stop(index: number): void {
    this.cluster.kill(index + 1);
    this.#servers[index]?.forceShutdown();
  }

  close(): void {
    for (const server of this.#servers) server.forceShutdown();
    this.cluster.close();
  }

  async #serve(node: NodeDescriptor): Promise<void> {
    const server = new Server(serverOptions);
    const { cluster } = this;
    const unary =
      (path: string): Unary =>
      (call, callback) => {
        cluster.unary(node.address, path, call.request, 5000).then(
          (answer) => callback(null, answer),
          (error: unknown) => callback(grpcError(error)),
        );
      };
    const notUsed: Unary = (_, callback) => callback(grpcError(new Error('not used')));
    server.addService(routesService, { describe: unary(routesService.describe.path) });
    server.addService(adminService, {
      status: unary(adminService.status.path),
      memberList: unary(adminService.memberList.path),
    });
    server.addService(dougService, {
      get: notUsed,
      put: notUsed,
      delete: notUsed,
      scan: (call: ServerWritableStream<Uint8Array, Uint8Array>) => {
        void this.#scan(node, call);
      },
      pipe: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#pipe(node, call),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    node.address = `127.0.0.1:${port}`;
    this.#servers.push(server);
  }

  async #scan(
    node: NodeDescriptor,
    call: ServerWritableStream<Uint8Array, Uint8Array>,
  ): Promise<void> {
    const stop = new AbortController();
    call.on('cancelled', () => stop.abort());
    try {
      for await (const chunk of this.cluster.stream(
        node.address,
        dougService.scan.path,
        call.request,
        stop.signal,
      )) {
        if (!call.write(chunk)) await once(call, 'drain', { signal: stop.signal });
      }
      call.end();
    } catch (error) {
      call.emit('error', grpcError(error));
    }
  }

  #pipe(node: NodeDescriptor, call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    const early: Uint8Array[] = [];
    let isOpen = false;
    const pipe = this.cluster.openPipe(node.address, {
      opened: () => {
        isOpen = true;
        for (const request of early) pipe.send(request);
      },
      received: (response) => call.write(response),
      drained: () => {},
      closed: (error) => call.emit('error', grpcError(error)),
    });
    call.on('data', (request: Uint8Array) => {
      if (isOpen) pipe.send(request);
      else early.push(request);
    });
    call.on('error', () => pipe.close());
    call.on('cancelled', () => pipe.close());
  }
}

describe('the client on gRPC', () => {
  let front: GrpcFront;

  beforeEach(async () => {
    front = await GrpcFront.start();
  });

  afterEach(() => front.close());

  it('puts, gets, scans and asks for the state', async () => {
    await using db = await DougClient.connect(front.addresses.join(','));
    const keys = Array.from({ length: 1000 }, (_, i) => `key ${String(i).padStart(4, '0')}`);
    await Promise.all(keys.map((key) => db.put(key, `value of ${key}`)));
    expect(await db.get('key 0500')).toEqual({
      key: 'key 0500',
      value: 'value of key 0500',
      revision: 501,
    });
    const found: string[] = [];
    for await (const { key } of db.scan({ prefix: 'key 00' })) found.push(key);
    expect(found).toEqual(keys.slice(0, 100));
    const status = await db.admin.status(front.addresses[0]);
    expect(status.replicas[0]?.role).toBe('leader');
    expect(await db.admin.members()).toHaveLength(3);
  });

  it('moves values of a megabyte', async () => {
    await using db = await DougClient.connect(front.addresses, { codec: 'bytes' });
    const value = new Uint8Array(1024 * 1024).fill(7);
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => db.put(Uint8Array.of(n), value)));
    const hit = await db.get(Uint8Array.of(6));
    expect(Buffer.compare(hit!.value, value)).toBe(0);
  });

  it('goes on with another leader when one dies', async () => {
    await using db = await DougClient.connect(front.addresses);
    await db.put('k', '1');
    front.stop(0);
    front.cluster.lead(2);
    expect(await db.put('k', '2')).toEqual({ revision: 2 });
    expect((await db.get('k'))?.value).toBe('2');
  });

  it('resends what was lost with its stream', async () => {
    await using db = await DougClient.connect(front.addresses);
    front.cluster.judge = ({ ordinal }) => (ordinal === 0 ? 'serve-and-break' : 'serve');
    expect(await db.put('k', 'v')).toEqual({ revision: 1 });
    expect(front.cluster.applied).toHaveLength(1);
  });

  it('fails soon when nobody listens', async () => {
    const [address] = front.addresses;
    front.close();
    const connecting = DougClient.connect({ endpoints: [address!], timeoutMs: 300 });
    await expect(connecting).rejects.toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
    });
  });

  it('cancels a scan that is left early', async () => {
    await using db = await DougClient.connect(front.addresses);
    await Promise.all(Array.from({ length: 50 }, (_, i) => db.put(`k${i}`, 'v')));
    for await (const { key } of db.scan()) {
      expect(key).toBe('k0');
      break;
    }
    const stop = new AbortController();
    const aborted = (async () => {
      for await (const _ of db.scan({ signal: stop.signal })) stop.abort();
    })();
    await expect(aborted).rejects.toMatchObject({ code: 'DOUG_ABORTED' });
  });
});

describe('GrpcTransport', () => {
  it('calls nobody after close', async () => {
    const transport = new GrpcTransport();
    transport.close();
    const call = transport.unary('127.0.0.1:1', routesService.describe.path, new Uint8Array(), 100);
    await expect(call).rejects.toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
  });

  it('maps what the library says to codes of ours', async () => {
    const transport = new GrpcTransport();
    const front = await GrpcFront.start();
    try {
      const [address] = front.addresses;
      const unknown = transport.unary(address!, '/dougdb.v1.Doug/Nothing', new Uint8Array(), 1000);
      await expect(unknown).rejects.toMatchObject({ code: 'DOUG_UNIMPLEMENTED' });
      front.cluster.freeze(1);
      const slow = transport.unary(address!, adminService.status.path, new Uint8Array(), 50);
      await expect(slow).rejects.toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
      const stop = new AbortController();
      const { signal } = stop;
      const path = adminService.status.path;
      const aborted = transport.unary(address!, path, new Uint8Array(), 5000, signal);
      stop.abort();
      await expect(aborted).rejects.toMatchObject({ code: 'DOUG_ABORTED' });
    } finally {
      transport.close();
      front.close();
    }
  });

  it('says that nothing was sent when there is no connection', async () => {
    const transport = new GrpcTransport();
    const error = await new Promise<DougError>((closed) => {
      transport.openPipe('127.0.0.1:1', {
        opened: () => {},
        received: () => {},
        drained: () => {},
        closed,
      });
    });
    expect(error).toMatchObject({ code: 'DOUG_NO_LEADER', outcome: 'NOT_APPLIED' });
    transport.close();
  });
});
