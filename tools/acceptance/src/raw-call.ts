import { type DougError, PutRequest, PutResponse } from '@dougdb/rpc-proto';
import { channelOptions, dougService, fromGrpcError, type RawMethod } from '@dougdb/rpc-proto/node';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

const encoder = new TextEncoder();

/** One unary call on a connection of its own, without any of the SDK's cleverness. @throws DougError */
export async function rawCall(
  address: string,
  method: RawMethod,
  request: Uint8Array,
  timeoutMs = 5_000,
): Promise<Uint8Array> {
  const grpc = new Client(address, credentials.createInsecure(), channelOptions);
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      grpc.makeUnaryRequest(
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
  } finally {
    grpc.close();
  }
}

export type PutFields = Partial<Pick<PutRequest, 'context' | 'opId'>>;

/** An encoded PutRequest. */
export function putRequest(key: string, value: string, more: PutFields = {}): Uint8Array {
  return PutRequest.encode(
    PutRequest.fromPartial({ ...more, key: encoder.encode(key), value: encoder.encode(value) }),
  ).finish();
}

/** @throws DougError */
export async function rawPut(address: string, request: Uint8Array): Promise<PutResponse> {
  return PutResponse.decode(await rawCall(address, dougService.put, request));
}

/** The error that a call ends with, or null. */
export async function errorOf(call: Promise<unknown>): Promise<DougError | null> {
  try {
    await call;
    return null;
  } catch (error) {
    return error as DougError;
  }
}

/** An op id of a session that begins now, by this machine's clock. */
export function newOpId(seq: number, firstIncomplete: number): NonNullable<PutRequest['opId']> {
  return {
    session: crypto.getRandomValues(new Uint8Array(16)),
    // (ms since 2020-01-01 UTC) x 4096.
    startedAt: (Date.now() - Date.UTC(2020, 0, 1)) * 4096,
    seq,
    firstIncomplete,
  };
}
