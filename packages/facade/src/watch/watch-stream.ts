import type { Clock, Timer } from '@dougdb/ports';
import { DougError, type WatchCreate, WatchRequest, WatchResponse } from '@dougdb/rpc-proto';
import type { NodeTransport, PipeConnection } from '../transport.js';

const WATCH = '/dougdb.v1.Doug/Watch';
/** A stream that is not open within this time is given up, in milliseconds. */
const CONNECT_MS = 5_000;

/** What a watch on a stream hears. */
export interface WatchListener {
  /** The answer belongs to the listener. */
  answered(response: WatchResponse): void;
  /** It is over: refused, ended by the server, or lost with its stream. Nothing comes after it. */
  ended(error: DougError): void;
}

/** A watch on a stream. */
export interface OpenWatch {
  /** So many bytes more may be sent. */
  credit(bytes: number): void;
  /** Nobody listens any more. */
  cancel(): void;
}

/** What a stream needs from its owner. */
export interface WatchStreamPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  /** The stream is over, or was closed because it had no watch left. */
  readonly over: (stream: WatchStream, error: DougError | null) => void;
}

/** Any number of watches on one stream to a node or facade. It is closed when none is left. */
export class WatchStream {
  readonly address: string;
  readonly #ports: WatchStreamPorts;
  readonly #connection: PipeConnection;
  readonly #listeners = new Map<number, WatchListener>();
  /** What waits for the connection, or for room in it. */
  #outbox: WatchRequest[] = [];
  readonly #connecting: Timer;
  #isOpen = false;
  #isBlocked = false;
  #isOver = false;
  #nextId = 1;

  constructor(address: string, ports: WatchStreamPorts) {
    this.address = address;
    this.#ports = ports;
    this.#connecting = ports.clock.setTimer(CONNECT_MS, () => {
      this.#end(new DougError('NO_LEADER', `no connection to ${address}`), true);
    });
    this.#connection = ports.transport.openStream(address, WATCH, {
      opened: () => {
        this.#connecting.cancel();
        this.#isOpen = true;
        this.#flush();
      },
      received: (bytes) => this.#received(bytes),
      drained: () => {
        this.#isBlocked = false;
        this.#flush();
      },
      closed: (error) => this.#end(error, false),
    });
  }

  /** Watches that are open. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Begins a watch. No event is called before this returns. */
  open(create: Omit<WatchCreate, 'watchId'>, listener: WatchListener): OpenWatch {
    const watchId = this.#nextId++;
    this.#listeners.set(watchId, listener);
    const request: WatchRequest = {
      request: { $case: 'create', value: { ...create, watchId } },
    };
    this.#send(request);
    return {
      credit: (bytes) => {
        if (!this.#listeners.has(watchId)) return;
        this.#send({ request: { $case: 'credit', value: { watchId, bytes } } });
      },
      cancel: () => this.#cancel(watchId, request),
    };
  }

  /** Ends the stream; its watches are not told. */
  close(): void {
    this.#listeners.clear();
    this.#end(null, true);
  }

  #cancel(watchId: number, create: WatchRequest): void {
    if (!this.#listeners.delete(watchId)) return;
    const unsent = this.#outbox.indexOf(create);
    if (unsent >= 0) this.#outbox.splice(unsent, 1);
    else this.#send({ request: { $case: 'cancel', value: { watchId } } });
    this.#closeWhenIdle();
  }

  #send(request: WatchRequest): void {
    if (this.#isOver) return;
    this.#outbox.push(request);
    this.#flush();
  }

  #flush(): void {
    while (this.#isOpen && !this.#isBlocked && !this.#isOver) {
      const request = this.#outbox.shift();
      if (request === undefined) return;
      this.#isBlocked = !this.#connection.send(WatchRequest.encode(request).finish());
    }
  }

  #received(bytes: Uint8Array): void {
    let response: WatchResponse;
    try {
      // A copy: what is decoded are views, and they outlive this call.
      response = WatchResponse.decode(new Uint8Array(bytes));
    } catch (cause) {
      const text = `${this.address} sent garbage on a stream of watches`;
      this.#end(new DougError('INTERNAL', text, { outcome: 'NOT_APPLIED', cause }), true);
      return;
    }
    this.#answered(response);
    for (const another of response.more) this.#answered(another);
  }

  #answered(response: WatchResponse): void {
    // None: it was cancelled, and the server had not heard of it yet.
    const listener = this.#listeners.get(response.watchId);
    if (listener === undefined) return;
    if (response.error !== undefined) this.#listeners.delete(response.watchId);
    listener.answered(response);
    if (response.error !== undefined) this.#closeWhenIdle();
  }

  /** On the next turn: a watch that ended is often opened again at once. */
  #closeWhenIdle(): void {
    if (this.#listeners.size > 0 || this.#isOver) return;
    this.#ports.clock.defer(() => {
      if (this.#listeners.size === 0) this.#end(null, true);
    });
  }

  /** @param error - null: it was ended from here, as it had to be */
  #end(error: DougError | null, mustClose: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connecting.cancel();
    this.#outbox = [];
    if (mustClose) this.#connection.close();
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    this.#ports.over(this, error);
    for (const listener of listeners) {
      listener.ended(error ?? new DougError('NO_LEADER', 'the stream of watches was closed'));
    }
  }
}
