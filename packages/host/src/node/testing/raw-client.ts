import {
  type DougError,
  GetRequest,
  GetResponse,
  PutRequest,
  PutResponse,
  ScanRequest,
  ScanResponse,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import {
  adminService,
  channelOptions,
  dougService,
  fromGrpcError,
  type RawMethod,
} from '@dougdb/rpc-proto/node';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A gRPC client without any of the SDK's cleverness. */
export class RawClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), channelOptions);
  }

  unary(method: RawMethod, request: Uint8Array, timeoutMs = 5_000): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: Uint8Array) =>
          response === undefined
            ? reject(fromGrpcError(error, { kind: 'write' }))
            : resolve(response),
      );
    });
  }

  async put(key: string, value: string): Promise<PutResponse> {
    const request = PutRequest.encode(
      PutRequest.fromPartial({ key: encoder.encode(key), value: encoder.encode(value) }),
    ).finish();
    return PutResponse.decode(await this.unary(dougService.put, request));
  }

  /** Undefined when the key is not there. */
  async get(key: string): Promise<string | undefined> {
    const request = GetRequest.encode({
      context: undefined,
      key: encoder.encode(key),
      consistency: 0,
      revision: 0,
      maxAgeMs: 0,
    }).finish();
    const { kv } = GetResponse.decode(await this.unary(dougService.get, request));
    return kv && decoder.decode(kv.value);
  }

  async status(): Promise<StatusResponse> {
    const request = StatusRequest.encode({ nodeId: 0 }).finish();
    return StatusResponse.decode(await this.unary(adminService.status, request));
  }

  /** Whether the node leads a partition by its own word. */
  async isLeader(partitionId = 2): Promise<boolean> {
    const { replicas } = await this.status();
    return replicas.some((r) => r.partitionId === partitionId && r.role === 'leader');
  }

  async scan(request: Partial<ScanRequest> = {}): Promise<ScanResponse[]> {
    const { path, requestSerialize, responseDeserialize } = dougService.scan;
    const full = ScanRequest.encode({ ...ScanRequest.decode(new Uint8Array(0)), ...request });
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      full.finish(),
    );
    const chunks: ScanResponse[] = [];
    for await (const chunk of call) chunks.push(ScanResponse.decode(chunk as Uint8Array));
    return chunks;
  }

  /** A call that is answered by a stream. */
  serverStream(method: RawMethod, request: Uint8Array): ClientReadableStream<Uint8Array> {
    const { path, requestSerialize, responseDeserialize } = method;
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
  }

  stream(method: RawMethod): ClientDuplexStream<Uint8Array, Uint8Array> {
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
    );
  }

  close(): void {
    this.#client.close();
  }
}

/** The DougError that a call ends with. @throws when it succeeds */
export async function errorOf(call: Promise<unknown>): Promise<DougError> {
  return call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error as DougError,
  );
}
