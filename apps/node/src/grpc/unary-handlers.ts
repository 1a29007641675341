import type { UnaryMethod } from '@dougdb/member';
import { grpcError, type RawMethod } from '@dougdb/rpc-proto/node';
import type { handleUnaryCall, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { callContext } from './call-context.js';
import type { MemberHolder } from './member-holder.js';

type Service = Readonly<Record<string, RawMethod>>;

/** Handlers for the unary methods of a service: raw bytes in, raw bytes out. */
export function unaryHandlers(
  service: Service,
  holder: MemberHolder,
): UntypedServiceImplementation {
  const handlers: Record<string, handleUnaryCall<Uint8Array, Uint8Array>> = {};
  for (const [name, method] of Object.entries(service)) {
    if (method.requestStream || method.responseStream) continue;
    const path = method.path as UnaryMethod;
    handlers[name] = (call, callback) => {
      answer(holder, path, call).then(
        (response) => callback(null, response),
        (error: unknown) => callback(grpcError(error)),
      );
    };
  }
  return handlers;
}

async function answer(
  holder: MemberHolder,
  path: UnaryMethod,
  call: ServerUnaryCall<Uint8Array, Uint8Array>,
): Promise<Uint8Array> {
  return holder.member().unary(path, call.request, callContext(call.getDeadline()));
}
