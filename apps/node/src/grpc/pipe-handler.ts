import type { PipeSession } from '@dougdb/member';
import { limits } from '@dougdb/rpc-proto';
import { CountedWrites, grpcError } from '@dougdb/rpc-proto/node';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import type { MemberHolder } from './member-holder.js';

/**
 * dougdb.v1.Doug/Pipe. While the window is full, or answers wait for a slow reader, nothing more is
 * read from the stream: HTTP/2 flow control holds the client back.
 */
export function pipeHandler(holder: MemberHolder): handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    const writes = new CountedWrites(call);
    let session: PipeSession;
    let halfClosed = false;
    try {
      session = holder.member().openPipe({
        send: (response) => {
          writes.write(response);
          if (halfClosed && session.isAnswered) call.end();
        },
        drained: () => call.resume(),
        fail: (error) => call.emit('error', grpcError(error)),
        get queuedBytes() {
          return writes.queuedBytes;
        },
      });
    } catch (error) {
      call.emit('error', grpcError(error));
      return;
    }
    call.on('data', (request: Uint8Array) => {
      session.received(request);
      if (session.openItems >= limits.pipeWindowItems) call.pause();
    });
    call.on('end', () => {
      // The client sends nothing more, but waits for its answers.
      halfClosed = true;
      if (session.isAnswered) call.end();
    });
    call.on('cancelled', () => session.closed());
    call.on('close', () => session.closed());
  };
}
