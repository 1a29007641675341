import { DougError } from '@dougdb/rpc-proto';
import {
  adminService,
  asBuffer,
  channelOptions,
  dougService,
  type FailedCall,
  fromGrpcError,
} from '@dougdb/rpc-proto/node';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  connectivityState,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import type { NodeTransport, PipeConnection, PipeEvents } from '../transport.js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** What a connection is for. */
type Use = 'calls' | 'streams' | 'watches';

/**
 * {@link NodeTransport} on grpc-js: one connection to each address for calls and pipes, one for streams of
 * answers, so that long scans neither hold up a pipe nor take its place among the streams of a
 * connection, and one for watches. Each is made when it is first needed.
 */
export class GrpcTransport implements NodeTransport {
  readonly #channels = new Map<string, Client>();
  readonly #open = new Set<{ cancel(): void }>();
  #closed = false;

  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed || signal?.aborted) {
        reject(new DougError('ABORTED', 'the call was cancelled', { outcome: 'NOT_APPLIED' }));
        return;
      }
      const call = this.#channel(address).makeUnaryRequest(
        path,
        asBuffer,
        asIs,
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          this.#open.delete(call);
          signal?.removeEventListener('abort', onAbort);
          if (error !== null)
            reject(withAddress(fromGrpcError(error, { kind: kindOf(path) }), address));
          else resolve(response as Uint8Array);
        },
      );
      const onAbort = (): void => call.cancel();
      this.#open.add(call);
      signal?.addEventListener('abort', onAbort);
    });
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    return this.#bidi(address, dougService.pipe.path, events, 'calls');
  }

  openStream(address: string, path: string, events: PipeEvents): PipeConnection {
    return this.#bidi(address, path, events, 'watches');
  }

  async *stream(
    address: string,
    path: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const call = this.#channel(address, 'streams').makeServerStreamRequest(
      path,
      asBuffer,
      asIs,
      request,
    );
    takeOneAtATime(call);
    // Whoever stops by the signal asks for nothing more: what follows the last `yield` never runs then.
    const onAbort = (): void => {
      this.#open.delete(call);
      call.cancel();
    };
    this.#open.add(call);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    try {
      for await (const chunk of call) yield chunk as Buffer;
    } catch (error) {
      throw withAddress(fromGrpcError(error, { kind: 'read' }), address);
    } finally {
      this.#open.delete(call);
      signal.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  close(): void {
    this.#closed = true;
    for (const call of [...this.#open]) call.cancel();
    this.#open.clear();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #bidi(address: string, path: string, events: PipeEvents, use: Use): PipeConnection {
    const connect = (): Client => this.#channel(address, use);
    const stream = new GrpcPipe(connect, address, path, events, this.#open);
    this.#open.add(stream);
    return stream;
  }

  #channel(address: string, use: Use = 'calls'): Client {
    const name = `${use} ${address}`;
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new Client(address, credentials.createInsecure(), channelOptions);
      this.#channels.set(name, channel);
    }
    return channel;
  }
}

/**
 * Lets a stream read no message ahead of what was taken. By itself it would hold sixteen of them, each as
 * large as a chunk of a scan. There is no option for it, and the field is as old as Node's streams.
 */
function takeOneAtATime(call: ClientReadableStream<Uint8Array>): void {
  const { _readableState: state } = call as unknown as {
    readonly _readableState?: { highWaterMark: number };
  };
  if (state !== undefined) state.highWaterMark = 1;
}

/** A call with messages in both directions. It begins when the channel is connected, so that what was never sent is known as such. */
class GrpcPipe implements PipeConnection {
  readonly #address: string;
  readonly #path: string;
  readonly #events: PipeEvents;
  readonly #open: Set<{ cancel(): void }>;
  #call: ClientDuplexStream<Uint8Array, Uint8Array> | null = null;
  #ended = false;

  /** @param connect - throws for what is no address */
  constructor(
    connect: () => Client,
    address: string,
    path: string,
    events: PipeEvents,
    open: Set<{ cancel(): void }>,
  ) {
    this.#address = address;
    this.#path = path;
    this.#events = events;
    this.#open = open;
    setImmediate(() => this.#start(connect));
  }

  send(request: Uint8Array): boolean {
    if (this.#ended || this.#call === null) return true;
    return this.#call.write(request);
  }

  close(): void {
    this.#ended = true;
    this.#open.delete(this);
    this.#call?.cancel();
  }

  /** As {@link close}; the name that the set of open calls knows. */
  cancel(): void {
    this.close();
  }

  #start(connect: () => Client): void {
    if (this.#ended) return;
    let channel: Client;
    try {
      channel = connect();
    } catch (cause) {
      // Addresses are hearsay: other nodes tell them.
      this.#end(new DougError('NO_LEADER', 'is no address', { cause }));
      return;
    }
    this.#awaitConnection(channel);
  }

  /** Not waitForReady: that tries on after a refused connection, and others could serve meanwhile. */
  #awaitConnection(channel: Client): void {
    if (this.#ended) return;
    const state = channel.getChannel().getConnectivityState(true);
    if (state === connectivityState.READY) {
      this.#begin(channel);
    } else if (
      state === connectivityState.TRANSIENT_FAILURE ||
      state === connectivityState.SHUTDOWN
    ) {
      this.#cannotConnect();
    } else {
      channel
        .getChannel()
        .watchConnectivityState(state, Number.POSITIVE_INFINITY, () =>
          this.#awaitConnection(channel),
        );
    }
  }

  #cannotConnect(): void {
    this.#end(new DougError('NO_LEADER', 'cannot connect'));
  }

  #begin(channel: Client): void {
    const call = channel.makeBidiStreamRequest(this.#path, asBuffer, asIs);
    this.#call = call;
    call.on('data', (response: Uint8Array) => {
      if (!this.#ended) this.#events.received(response);
    });
    call.on('drain', () => {
      if (!this.#ended) this.#events.drained();
    });
    call.on('error', (error) => this.#end(fromGrpcError(error, { kind: kindOf(this.#path) })));
    call.on('end', () => {
      this.#end(new DougError('IN_DOUBT', `${this.#address} ended the stream`));
    });
    this.#events.opened();
  }

  #end(error: DougError): void {
    if (this.#ended) return;
    this.close();
    this.#events.closed(withAddress(error, this.#address));
  }
}

/** Calls that change something: of those it matters whether they may have got there. */
const writes: ReadonlySet<string> = new Set([
  dougService.put.path,
  dougService.delete.path,
  dougService.pipe.path,
  adminService.transferLeader.path,
]);

function kindOf(path: string): FailedCall['kind'] {
  return writes.has(path) ? 'write' : 'read';
}

function withAddress(error: DougError, address: string): DougError {
  const { outcome, route, retryAfterMs, cause } = error;
  // What the library says around the one thing that matters.
  const message = error.message
    .replace(
      /^UNAVAILABLE: No connection established\. Last error: (?:Error: )?/,
      'cannot connect: ',
    )
    .replace(/\. Resolution note: *$/, '');
  return new DougError(error.reason, `${address}: ${message}`, {
    outcome,
    route,
    retryAfterMs,
    cause,
  });
}
