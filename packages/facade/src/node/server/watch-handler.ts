import { joinWatchResponses } from '@dougdb/rpc-proto';
import { grpcError, JoinedWrites } from '@dougdb/rpc-proto/node';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';

/**
 * dougdb.v1.Doug/Watch. What a client does not read is bounded by the credit that it gives, and by what may wait
 * for its connection.
 */
export function watchHandler(facade: Facade): handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    let isPaused = false;
    const drained = (): void => {
      watches.drained();
      if (!isPaused || watches.isFull) return;
      isPaused = false;
      call.resume();
    };
    const writes = new JoinedWrites(call, joinWatchResponses, drained);
    const watches = facade.openWatches({
      send: (response) => writes.write(response),
      fail: (error) => call.emit('error', grpcError(error)),
      get queuedBytes() {
        return writes.queuedBytes;
      },
    });
    call.on('data', (request: Uint8Array) => {
      watches.received(request);
      // What is asked may have to be answered, and answers wait already.
      if (!watches.isFull) return;
      isPaused = true;
      call.pause();
    });
    call.on('end', () => {
      // Who sends nothing more gives no credit and cancels nothing: the stream is over.
      watches.closed();
      call.end();
    });
    call.on('cancelled', () => watches.closed());
    call.on('close', () => watches.closed());
  };
}
