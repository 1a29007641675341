import type { IncomingLink } from '@dougdb/member';
import { grpcError } from '@dougdb/rpc-proto/node';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import type { MemberHolder } from './member-holder.js';

/** dougdb.raft.v1.Raft/Messages: a peer's stream. */
export function raftHandler(holder: MemberHolder): handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    const end = (error: unknown): void => {
      call.emit('error', grpcError(error));
    };
    let link: IncomingLink;
    try {
      link = holder.member().acceptLink((response) => call.write(response), end);
    } catch (error) {
      end(error);
      return;
    }
    let open = true;
    const closed = (): void => {
      if (open) link.closed();
      open = false;
    };
    call.on('data', (request: Uint8Array) => link.received(request));
    call.on('end', () => {
      closed();
      call.end();
    });
    call.on('cancelled', closed);
    call.on('close', closed);
  };
}
