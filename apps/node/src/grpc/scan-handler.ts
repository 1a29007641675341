import { grpcError } from '@dougdb/rpc-proto/node';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { callContext } from './call-context.js';
import type { MemberHolder } from './member-holder.js';
import { PacedWrites } from './paced-writes.js';

/** A scan holds an iterator, and so the files that it reads: not for ever. */
const SCAN_LIMIT_MS = 600_000;

/** dougdb.v1.Doug/Scan: a chunk is asked for when the connection has taken the one before. */
export function scanHandler(
  holder: MemberHolder,
): handleServerStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    serve(holder, call).then(
      () => call.end(),
      (error: unknown) => call.emit('error', grpcError(error)),
    );
  };
}

async function serve(
  holder: MemberHolder,
  call: ServerWritableStream<Uint8Array, Uint8Array>,
): Promise<void> {
  const context = callContext(call.getDeadline(), SCAN_LIMIT_MS);
  await holder.member().scan(call.request, context, new PacedWrites(call));
}
