import { grpcError, monotonicDeadlineMs } from '@dougdb/rpc-proto/node';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';
import type { StreamOutput } from '../../map/map-feed.js';

/** A scan holds an iterator on a node: not for ever. */
const SCAN_LIMIT_MS = 600_000;

type Handler = handleServerStreamingCall<Uint8Array, Uint8Array>;
type Call = ServerWritableStream<Uint8Array, Uint8Array>;

/** dougdb.v1.Doug/Scan: a chunk is asked for when the connection has taken the one before. */
export function scanHandler(facade: Facade): Handler {
  return streamHandler((call, output, signal) => {
    const deadlineMs = monotonicDeadlineMs(call.getDeadline(), SCAN_LIMIT_MS);
    return facade.scan(call.request, { deadlineMs, signal }, output);
  });
}

/** dougdb.v1.Routes/WatchMap. */
export function watchMapHandler(facade: Facade): Handler {
  return streamHandler((call, output, signal) => facade.watchMap(call.request, output, signal));
}

function streamHandler(
  serve: (call: Call, output: StreamOutput, signal: AbortSignal) => Promise<void>,
): Handler {
  return (call) => {
    const gone = new AbortController();
    const output = outputOf(call, gone);
    serve(call, output, gone.signal).then(
      () => call.end(),
      (error: unknown) => call.emit('error', grpcError(error)),
    );
  };
}

function outputOf(call: Call, gone: AbortController): StreamOutput {
  let wake: () => void = () => undefined;
  call.on('cancelled', () => {
    gone.abort();
    wake();
  });
  return {
    send: (response) =>
      new Promise<void>((resolve) => {
        // Not 'drain': that lets sixteen messages wait in memory.
        wake = resolve;
        if (gone.signal.aborted) resolve();
        else call.write(response, () => resolve());
      }),
  };
}
