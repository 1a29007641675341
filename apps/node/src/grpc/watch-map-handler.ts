import { grpcError } from '@dougdb/rpc-proto/node';
import type { handleServerStreamingCall } from '@grpc/grpc-js';
import type { MemberHolder } from './member-holder.js';
import { PacedWrites } from './paced-writes.js';

/** dougdb.v1.Routes/WatchMap: until the caller hangs up or the node goes down. */
export function watchMapHandler(
  holder: MemberHolder,
): handleServerStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    const writes = new PacedWrites(call);
    Promise.resolve()
      .then(() => holder.member().watchMap(call.request, writes, writes.signal))
      .then(
        () => call.end(),
        (error: unknown) => call.emit('error', grpcError(error)),
      );
  };
}
