import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { DougError, decodeRequest, GetRequest, GetResponse, limits } from '../src/index.js';
import {
  adminService,
  asBuffer,
  channelOptions,
  channelOptionsFor,
  clientMessageBytes,
  dougService,
  fileDescriptorSet,
  fromGrpcError,
  genesisService,
  grpcError,
  peerMessageBytes,
  type RawMethod,
  raftService,
  routesService,
  serverOptions,
  serverOptionsFor,
} from '../src/node/index.js';

const services = {
  ...dougService,
  ...routesService,
  ...raftService,
  ...genesisService,
  ...adminService,
};

describe('service definitions', () => {
  it('are those of the .proto files: path, streams, and no method more or less', () => {
    const set = fromBinary(FileDescriptorSetSchema, fileDescriptorSet);
    const declared = set.file.flatMap((file) =>
      file.service.flatMap((service) =>
        service.method.map((method) => ({
          path: `/${file.package}.${service.name}/${method.name}`,
          requestStream: method.clientStreaming,
          responseStream: method.serverStreaming,
        })),
      ),
    );
    const defined = Object.values(services).map(({ path, requestStream, responseStream }) => ({
      path,
      requestStream,
      responseStream,
    }));
    const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
    expect(defined.sort(byPath)).toEqual(declared.sort(byPath));
    expect(declared).toHaveLength(20);
  });

  it('name each method as its key', () => {
    for (const [key, { originalName }] of Object.entries(services)) expect(originalName).toBe(key);
  });

  it('pass bytes on without a copy', () => {
    const bytes = new Uint8Array(100).subarray(7, 50);
    const buffer = asBuffer(bytes);
    expect([buffer.buffer, buffer.byteOffset, buffer.length]).toEqual([bytes.buffer, 7, 43]);
    expect(dougService.get.responseSerialize(bytes).buffer).toBe(bytes.buffer);
    expect(dougService.get.requestDeserialize(buffer)).toBe(buffer);
  });
});

describe('options', () => {
  it('let a request and its envelope through, and between peers an entry', () => {
    expect(clientMessageBytes()).toBe(limits.requestBytes + limits.envelopeBytes);
    expect(peerMessageBytes()).toBe(limits.peerEntryBytes + limits.envelopeBytes);
    for (const options of [channelOptions, serverOptions]) {
      expect(options['grpc.max_receive_message_length']).toBe(clientMessageBytes());
      expect(options['grpc.max_send_message_length']).toBe(clientMessageBytes());
    }
    const table = { ...limits, requestBytes: 10, envelopeBytes: 5, connectionStreams: 3 };
    expect(channelOptionsFor(table)['grpc.max_receive_message_length']).toBe(15);
    expect(serverOptionsFor(table, 99)).toMatchObject({
      'grpc.max_receive_message_length': 99,
      'grpc.max_concurrent_streams': 3,
    });
  });

  it('keep channels apart, retries ours, and proxies and lookups out', () => {
    expect(channelOptions).toMatchObject({
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_retries': 0,
    });
  });
});

type Answer = { bytes?: Uint8Array; error?: DougError };

describe('over a real connection', () => {
  let server: Server;
  let client: Client;

  beforeAll(async () => {
    server = new Server(serverOptions);
    server.addService(dougService, {
      get(call: ServerUnaryCall<Uint8Array, Uint8Array>, done: sendUnaryData<Uint8Array>) {
        try {
          const { key } = decodeRequest(GetRequest, call.request);
          if (key[0] === 0x21)
            throw new DougError('NOT_LEADER', 'ask node 7 – it leads', { retryAfterMs: 3 });
          const kv = { key, value: key, revision: key.length, expiresAt: 0 };
          done(null, GetResponse.encode({ header: undefined, kv }).finish());
        } catch (error) {
          done(grpcError(error));
        }
      },
      pipe(call: ServerDuplexStream<Uint8Array, Uint8Array>) {
        call.on('data', (bytes: Uint8Array) => {
          if (bytes.length === 0) call.emit('error', grpcError(new DougError('DRAINING', 'bye')));
          else call.write(bytes);
        });
        call.on('end', () => call.end());
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
  });

  afterAll(() => {
    client.close();
    server.forceShutdown();
  });

  function call(method: RawMethod, bytes: Uint8Array, via = client): Promise<Answer> {
    return new Promise((resolve) => {
      via.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        bytes,
        (error, answer) =>
          resolve(error ? { error: fromGrpcError(error, { kind: 'write' }) } : { bytes: answer! }),
      );
    });
  }
  const getOf = (key: Uint8Array) =>
    GetRequest.encode({
      context: undefined,
      key,
      consistency: 0,
      revision: 0,
      maxAgeMs: 0,
    }).finish();

  it('a request and its answer stay bytes until the two ends decode them', async () => {
    const { bytes } = await call(dougService.get, getOf(Uint8Array.of(5, 6)));
    expect(GetResponse.decode(bytes!).kv).toMatchObject({ revision: 2 });
  });

  it('an error arrives whole', async () => {
    const { error } = await call(dougService.get, getOf(Uint8Array.of(0x21)));
    expect(error).toMatchObject({
      code: 'DOUG_NOT_LEADER',
      outcome: 'NOT_APPLIED',
      message: 'ask node 7 – it leads',
      retryAfterMs: 3,
    });
  });

  it('garbage is INVALID_ARGUMENT', async () => {
    const { error } = await call(dougService.get, Uint8Array.of(0xff, 0xff));
    expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
  });

  it('a request just over the limit is TOO_LARGE by us, one far over it by the library', async () => {
    const over = await call(dougService.get, getOf(new Uint8Array(limits.requestBytes)));
    expect(over.error).toMatchObject({
      code: 'DOUG_TOO_LARGE',
      message: expect.stringContaining('request of'),
    });
    const far = await call(dougService.get, new Uint8Array(clientMessageBytes() + 1));
    expect(far.error).toMatchObject({ code: 'DOUG_TOO_LARGE', outcome: 'NOT_APPLIED' });
  });

  it('what the server refuses to receive is TOO_LARGE', async () => {
    const options = channelOptionsFor(limits, peerMessageBytes());
    const reckless = new Client(
      client.getChannel().getTarget(),
      credentials.createInsecure(),
      options,
    );
    const { error } = await call(
      dougService.get,
      new Uint8Array(clientMessageBytes() + 1),
      reckless,
    );
    reckless.close();
    expect(error).toMatchObject({ code: 'DOUG_TOO_LARGE', outcome: 'NOT_APPLIED' });
  });

  it('a method that is not there is UNIMPLEMENTED', async () => {
    const { error } = await call(routesService.describe, new Uint8Array(0));
    expect(error).toMatchObject({ code: 'DOUG_UNIMPLEMENTED', outcome: 'NOT_APPLIED' });
  });

  it('a node that is not there never got the write', async () => {
    const nobody = new Client('127.0.0.1:1', credentials.createInsecure(), channelOptions);
    const { error } = await call(dougService.put, new Uint8Array(0), nobody);
    nobody.close();
    expect(error).toMatchObject({
      code: 'DOUG_NO_LEADER',
      outcome: 'NOT_APPLIED',
      retryable: true,
    });
  });

  it('a stream carries bytes both ways and ends with an error of ours', async () => {
    const { path, requestSerialize, responseDeserialize } = dougService.pipe;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const received: number[] = [];
    const failed = new Promise<unknown>((resolve) => stream.on('error', resolve));
    stream.on('data', (bytes: Uint8Array) => {
      received.push(bytes.length);
      stream.write(bytes.length < 3 ? new Uint8Array(bytes.length + 1) : new Uint8Array(0));
    });
    stream.write(Uint8Array.of(1));
    const error = fromGrpcError(await failed, { kind: 'write' });
    expect(received).toEqual([1, 2, 3]);
    expect(error).toMatchObject({ code: 'DOUG_DRAINING', message: 'bye' });
  });
});
