import { once } from 'node:events';
import { codeFromWire, WatchCreate, WatchRequest, WatchResponse } from '@dougdb/rpc-proto';
import { channelOptions, dougService } from '@dougdb/rpc-proto/node';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** How a watch ended. */
export interface WatchEnd {
  /** Name of the code in the one table. */
  readonly code: string;
  /** What it can be resumed by; empty: by nothing. */
  readonly token: Uint8Array;
}

/** A watch without any of the SDK's cleverness, which gives no credit beyond the first. */
export interface RawWatch {
  /** Events that came. */
  readonly told: () => number;
  /** Resolves when the node has ended the watch. */
  readonly ended: Promise<WatchEnd>;
  close(): void;
}

/** Opens a watch of the keys with a prefix, which is one of ASCII, on a connection of its own. */
export async function openRawWatch(
  address: string,
  prefix: string,
  creditBytes: number,
): Promise<RawWatch> {
  const grpc = new Client(address, credentials.createInsecure(), channelOptions);
  const { path, requestSerialize, responseDeserialize } = dougService.watch;
  const call = grpc.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  let told = 0;
  const ended = new Promise<WatchEnd>((resolve, reject) => {
    call.on('data', (bytes: Uint8Array) => {
      const first = WatchResponse.decode(bytes);
      for (const { events, error, token } of [first, ...first.more]) {
        told += events.length;
        if (error === undefined) continue;
        resolve({ code: codeFromWire(error.code) ?? `${error.code}`, token });
      }
    });
    call.on('error', reject);
  });
  const start = Buffer.from(prefix);
  const end = Buffer.from(start);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  const create = WatchCreate.fromPartial({ watchId: 1, start, end, creditBytes });
  call.write(WatchRequest.encode({ request: { $case: 'create', value: create } }).finish());
  await once(call, 'data');
  return {
    told: () => told,
    ended,
    close: () => {
      call.cancel();
      grpc.close();
    },
  };
}
