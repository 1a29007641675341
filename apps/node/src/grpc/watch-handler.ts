import type { WatchSession } from '@dougdb/member';
import { joinWatchResponses } from '@dougdb/rpc-proto';
import { grpcError, JoinedWrites } from '@dougdb/rpc-proto/node';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import type { MemberHolder } from './member-holder.js';

/**
 * dougdb.v1.Doug/Watch. While the client does not take what was sent nothing is told, and nothing more is read
 * from the stream: each request may have an answer.
 */
export function watchHandler(
  holder: MemberHolder,
): handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    let session: WatchSession;
    let isPaused = false;
    const writes = new JoinedWrites(call, joinWatchResponses, () => {
      session.drained();
      if (!isPaused || session.isFull) return;
      isPaused = false;
      call.resume();
    });
    try {
      session = holder.member().openWatches({
        send: (response) => writes.write(response),
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
      if (!session.isFull) return;
      isPaused = true;
      call.pause();
    });
    call.on('end', () => {
      // Who sends nothing more gives no credit and cancels nothing: the stream is over.
      session.closed();
      call.end();
    });
    call.on('cancelled', () => session.closed());
    call.on('close', () => session.closed());
  };
}
