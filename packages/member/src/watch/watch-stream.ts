import type { Clock } from '@dougdb/ports';
import {
  DougError,
  decodeRequest,
  limits,
  toWire,
  type WatchCreate,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';
import type { WatchOutput, WatchSession } from '../contract.js';
import { busy } from '../handlers/admission.js';
import type { ClusterView } from '../handlers/cluster-view.js';
import { ServedWatch, type WatchAnswers } from './served-watch.js';
import type { WatchHeaders } from './watch-headers.js';

/** A watch that waits longer for the read point at which it begins is refused: the client looks elsewhere. */
const BEGIN_MS = 5_000;

/** What the streams of a member share. */
export interface WatchStreamContext {
  readonly clock: Clock;
  readonly headers: WatchHeaders;
  /** @throws DougError STARTING, DRAINING */
  readonly view: () => ClusterView;
  /** Watches on all streams of the member. */
  readonly openWatches: () => number;
  readonly onClosed: (stream: WatchStream) => void;
}

/** One stream of a client with any number of watches (dougdb.v1.Doug/Watch). */
export class WatchStream implements WatchSession, WatchAnswers {
  readonly #context: WatchStreamContext;
  readonly #output: WatchOutput;
  readonly #watches = new Map<number, ServedWatch>();
  /** The one that is being made: it may end before it is known. */
  #beginning: number | null = null;
  /** Watches may wait for the connection. */
  #wasFull = false;
  #isClosed = false;

  constructor(context: WatchStreamContext, output: WatchOutput) {
    this.#context = context;
    this.#output = output;
  }

  /** Watches that are open. */
  get size(): number {
    return this.#watches.size;
  }

  get isFull(): boolean {
    const isFull = this.#output.queuedBytes > limits.watchQueueBytes;
    this.#wasFull ||= isFull;
    return isFull;
  }

  received(request: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      this.#take(decodeRequest(WatchRequest, request));
    } catch (error) {
      this.#fail(error);
    }
  }

  drained(): void {
    // The connection takes one message after the other: most of the time nobody waits for that.
    if (!this.#wasFull || this.#isClosed || this.isFull) return;
    this.#wasFull = false;
    for (const watch of this.#watches.values()) watch.resume();
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const watch of this.#watches.values()) watch.cancel();
    this.#watches.clear();
    this.#context.onClosed(this);
  }

  /** Ends the stream: the node stops. */
  end(): void {
    this.#fail(new DougError('DRAINING', 'this node is going down'));
  }

  send(response: Uint8Array): void {
    if (!this.#isClosed) this.#output.send(response);
  }

  over(watchId: number): void {
    if (this.#beginning === watchId) this.#beginning = null;
    this.#watches.delete(watchId);
  }

  /** @throws DougError when the stream makes no sense any more */
  #take({ request }: WatchRequest): void {
    switch (request?.$case) {
      case 'create':
        this.#create(request.value);
        return;
      case 'credit':
        // One that is over may not have been heard of there.
        this.#watches.get(request.value.watchId)?.give(request.value.bytes);
        return;
      case 'cancel':
        this.#watches.get(request.value.watchId)?.cancel();
        this.#watches.delete(request.value.watchId);
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
    const { clock, headers, openWatches } = this.#context;
    try {
      const view = this.#context.view();
      if (openWatches() >= limits.watches) throw busy('the node');
      this.#beginning = watchId;
      const deadlineMs = clock.monotonicMs() + BEGIN_MS;
      const watch = new ServedWatch(create, { view, headers, answers: this, deadlineMs });
      if (this.#beginning === watchId) this.#watches.set(watchId, watch);
    } catch (error) {
      this.#refuse(create, DougError.from(error, 'NOT_APPLIED'));
    } finally {
      this.#beginning = null;
    }
  }

  #refuse({ watchId, token }: WatchCreate, error: DougError): void {
    // As good as it was: it is for another try.
    const response = WatchResponse.fromPartial({ watchId, token, error: toWire(error) });
    this.send(WatchResponse.encode(response).finish());
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.closed();
    this.#output.fail(error);
  }
}
