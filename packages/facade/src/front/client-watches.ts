import {
  DougError,
  decodeRequest,
  limits,
  toWire,
  type WatchCreate,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';
import type { WatchPorts } from '../watch/watch-plan.js';
import { ClientWatch, type ClientWatchOutput } from './client-watch.js';

/** Above it nothing more is sent until the client has read. */
const QUEUED_BYTES = limits.watchQueueBytes;

/** What a stream of watches writes to. */
export interface ClientWatchesOutput {
  /** One encoded WatchResponse. */
  send(response: Uint8Array): void;
  /** Bytes sent and not taken by the connection yet. */
  readonly queuedBytes: number;
  /** Ends the stream with an error: the message itself was garbage. */
  fail(error: unknown): void;
}

/** What the watches of clients share. */
export interface ClientWatchesContext {
  readonly ports: WatchPorts;
  /** Takes one more watch on. @throws DougError: it does not */
  readonly admit: (create: WatchCreate) => void;
  /** A watch that was taken on is over. */
  readonly left: () => void;
  readonly onClosed: (watches: ClientWatches) => void;
}

/** One stream of a client with any number of watches (dougdb.v1.Doug/Watch). */
export class ClientWatches implements ClientWatchOutput {
  readonly #context: ClientWatchesContext;
  readonly #output: ClientWatchesOutput;
  readonly #watches = new Map<number, ClientWatch>();
  #isClosed = false;

  constructor(context: ClientWatchesContext, output: ClientWatchesOutput) {
    this.#context = context;
    this.#output = output;
  }

  /** Watches that are open. */
  get size(): number {
    return this.#watches.size;
  }

  /** What was sent waits for a slow reader: the server reads nothing more from the stream. */
  get isFull(): boolean {
    return this.#output.queuedBytes > QUEUED_BYTES;
  }

  /** An encoded WatchRequest; valid during the call only. */
  received(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      this.#take(decodeRequest(WatchRequest, bytes));
    } catch (error) {
      this.closed();
      this.#output.fail(error);
    }
  }

  /** {@inheritDoc ClientWatchOutput.send} */
  send(response: Uint8Array): void {
    if (!this.#isClosed) this.#output.send(response);
  }

  /** The connection has taken something of what was sent. */
  drained(): void {
    if (this.isFull) return;
    for (const watch of this.#watches.values()) watch.resume();
  }

  /** The client is gone. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const watch of this.#watches.values()) {
      watch.close();
      this.#context.left();
    }
    this.#watches.clear();
    this.#context.onClosed(this);
  }

  /** Ends every watch: clients are told where to go on, and do that elsewhere. */
  endAll(error: DougError): void {
    for (const watch of this.#watches.values()) {
      watch.end(error);
      this.#context.left();
    }
    this.#watches.clear();
  }

  /** @throws DougError when the stream makes no sense any more */
  #take({ request }: WatchRequest): void {
    switch (request?.$case) {
      case 'create':
        this.#create(request.value);
        return;
      case 'credit':
        this.#watches.get(request.value.watchId)?.give(request.value.bytes);
        return;
      case 'cancel':
        this.#cancel(request.value.watchId);
        return;
      case undefined:
        throw new DougError('INVALID_ARGUMENT', 'a message on a stream of watches says nothing');
    }
  }

  #create(create: WatchCreate): void {
    const { watchId } = create;
    if (this.#watches.has(watchId)) {
      throw new DougError('INVALID_ARGUMENT', `watch ${watchId} is open already`);
    }
    try {
      this.#context.admit(create);
    } catch (error) {
      this.#refuse(watchId, DougError.from(error, 'NOT_APPLIED'));
      return;
    }
    try {
      const watch = new ClientWatch(create, this.#context.ports, this, () => {
        if (this.#watches.delete(watchId)) this.#context.left();
      });
      this.#watches.set(watchId, watch);
    } catch (error) {
      this.#context.left();
      this.#refuse(watchId, DougError.from(error, 'NOT_APPLIED'));
    }
  }

  #cancel(watchId: number): void {
    const watch = this.#watches.get(watchId);
    if (watch === undefined) return;
    this.#watches.delete(watchId);
    watch.close();
    this.#context.left();
  }

  #refuse(watchId: number, error: DougError): void {
    const response = WatchResponse.fromPartial({ watchId, error: toWire(error) });
    this.send(WatchResponse.encode(response).finish());
  }
}
