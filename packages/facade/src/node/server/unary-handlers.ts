import { grpcError, monotonicDeadlineMs, type RawMethod } from '@dougdb/rpc-proto/node';
import type { handleUnaryCall, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Facade, FacadeMethod } from '../../facade.js';

/** Longest that a unary call may take, and how long it may when its caller does not say. */
const UNARY_LIMIT_MS = 30_000;

/** Handlers for the unary methods of a service: raw bytes in, raw bytes out. */
export function unaryHandlers(
  service: Readonly<Record<string, RawMethod>>,
  facade: Facade,
): UntypedServiceImplementation {
  const handlers: Record<string, handleUnaryCall<Uint8Array, Uint8Array>> = {};
  for (const [name, method] of Object.entries(service)) {
    if (method.requestStream || method.responseStream) continue;
    const path = method.path as FacadeMethod;
    handlers[name] = (call, callback) => {
      answer(facade, path, call).then(
        (response) => callback(null, response),
        (error: unknown) => callback(grpcError(error)),
      );
    };
  }
  return handlers;
}

function answer(
  facade: Facade,
  path: FacadeMethod,
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
): Promise<Uint8Array> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  const deadlineMs = monotonicDeadlineMs(call.getDeadline(), UNARY_LIMIT_MS);
  return facade.unary(path, call.request, { deadlineMs, signal: gone.signal });
}
