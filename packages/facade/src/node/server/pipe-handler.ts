import { limits } from '@dougdb/rpc-proto';
import { CountedWrites, grpcError } from '@dougdb/rpc-proto/node';
import type { handleBidiStreamingCall } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';

/** Above it the client gets no more room for requests until it has read answers. */
const QUEUED_BYTES = limits.answerQueueBytes / 2;

/**
 * dougdb.v1.Doug/Pipe. While the window is full, or answers wait for a slow reader, nothing more is
 * read from the stream: HTTP/2 flow control holds the client back.
 */
export function pipeHandler(facade: Facade): handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return (call) => {
    let isHalfClosed = false;
    let isPaused = false;
    const isFull = (): boolean =>
      pipe.openItems >= limits.pipeWindowItems || writes.queuedBytes > QUEUED_BYTES;
    const consider = (): void => {
      if (!isPaused || isFull()) return;
      isPaused = false;
      call.resume();
    };
    const endWhenAnswered = (): void => {
      if (isHalfClosed && pipe.isAnswered) call.end();
    };
    const writes = new CountedWrites(call, consider);
    const pipe = facade.openPipe({
      send: (response) => {
        writes.write(response);
        endWhenAnswered();
      },
      drained: consider,
      fail: (error) => call.emit('error', grpcError(error)),
      get queuedBytes() {
        return writes.queuedBytes;
      },
    });
    call.on('data', (request: Uint8Array) => {
      pipe.received(request);
      if (!isFull()) return;
      isPaused = true;
      call.pause();
    });
    call.on('end', () => {
      // The client sends nothing more, but waits for its answers.
      isHalfClosed = true;
      endWhenAnswered();
    });
    call.on('cancelled', () => pipe.closed());
    call.on('close', () => pipe.closed());
  };
}
