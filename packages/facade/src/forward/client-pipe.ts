import type { Clock } from '@dougdb/ports';
import {
  type Consistency,
  checkRequestBytes,
  DougError,
  limits,
  PIPE_ITEM_TIMEOUT_MS,
  type PipeOp,
  type PipeRequestVisitor,
  PipeResponseWriter,
  type ResponseHeader,
  readPipeRequest,
  toWire,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import type { Admission } from './admission.js';
import { type Forwarder, orderedRefusals } from './forwarder.js';
import type { Origin } from './origin.js';

/** Reading goes on when so much of the window is free again. */
const RESUME_ITEMS = Math.floor(limits.pipeWindowItems * 0.75);
/** Bytes of items of one pipe that are not answered. */
const PIPE_BYTES = limits.admittedBytes / 4;
/** The cluster's own partition. Clients have no business with it. */
const META_PARTITION = 1;

/** What a pipe writes to. */
export interface ClientPipeOutput {
  /** One encoded PipeResponse. */
  send(response: Uint8Array): void;
  /** `openItems` fell below the cap again: reading may go on. */
  drained(): void;
  /** Bytes sent and not taken by the connection yet. */
  readonly queuedBytes: number;
  /** Ends the stream with an error (the message itself was garbage, or the facade stops). */
  fail(error: unknown): void;
}

export interface ClientPipeContext {
  readonly clock: Clock;
  readonly admission: Admission;
  readonly forwarder: Forwarder;
  /** Why no item is taken at all; null: they are. */
  readonly refusal: (clusterId: Uint8Array) => DougError | null;
  readonly onClosed: (pipe: ClientPipe) => void;
}

/**
 * One Pipe stream of a client, as a node's: a message is one walk over its bytes, answers of one turn
 * of the loop leave as one message. What a node does with an item, here the forwarder does.
 *
 * Bytes of items are not kept by id: each answer gives back an even share of what is open, which is
 * exact whenever nothing is open and never holds more than was taken.
 */
export class ClientPipe implements PipeRequestVisitor, Origin {
  readonly #context: ClientPipeContext;
  readonly #output: ClientPipeOutput;
  readonly #writer = new PipeResponseWriter();
  /** Why the rest of the message being read is refused. */
  #refusal: DougError | null = null;
  #request: Uint8Array = nothing;
  #cancels = new Set<number>();
  #nowMs = 0;
  #lastError: DougError | null = null;
  #lastWire: WireError = toWire(new DougError('INTERNAL', ''));
  #open = 0;
  #openBytes = 0;
  #isFull = false;
  #isFlushing = false;
  #isClosed = false;

  constructor(context: ClientPipeContext, output: ClientPipeOutput) {
    this.#context = context;
    this.#output = output;
  }

  /** Items taken and not answered: the server stops reading the stream above its cap. */
  get openItems(): number {
    return this.#open;
  }

  /** Whether every item has its answer, and every answer has left. */
  get isAnswered(): boolean {
    return this.#open === 0 && this.#writer.results === 0;
  }

  /** {@inheritDoc Origin.isGone} */
  get isGone(): boolean {
    return this.#isClosed;
  }

  /** An encoded PipeRequest; the bytes belong to the pipe from then on. */
  received(request: Uint8Array): void {
    if (this.#isClosed) return;
    this.#request = request;
    try {
      checkRequestBytes(request);
      readPipeRequest(request, this);
    } catch (error) {
      // The message itself: what was before it is answered, nothing of it was begun.
      this.#fail(error);
    } finally {
      this.#request = nothing;
    }
    if (this.#cancels.size > 0) this.#cancel();
  }

  /** The client is gone: nothing is sent any more. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.onClosed(this);
  }

  /** Ends the stream: the facade stops. */
  end(): void {
    this.#fail(new DougError('IN_DOUBT', 'the facade is stopping'));
  }

  // PipeRequestVisitor

  /** @internal */
  begin(_firstId: number, clusterIdStart: number, clusterIdEnd: number): void {
    const { clock, refusal, forwarder } = this.#context;
    this.#nowMs = clock.monotonicMs();
    this.#refusal = refusal(this.#request.subarray(clusterIdStart, clusterIdEnd));
    forwarder.begin(this, this.#request);
  }

  /** @internal */
  item(
    id: number,
    timeoutMs: number,
    partitionId: number,
    _epochVersion: number,
    resend: boolean,
    op: PipeOp,
    start: number,
    end: number,
    consistency: Consistency,
    argument: number,
  ): void {
    const refusal = this.#refusal ?? this.#overload(end - start);
    if (refusal !== null) {
      this.#refuse(id, refusal);
      return;
    }
    this.#open++;
    this.#openBytes += end - start;
    if (this.#open >= limits.pipeWindowItems) this.#isFull = true;
    const waitMs =
      timeoutMs === 0 ? PIPE_ITEM_TIMEOUT_MS : Math.min(timeoutMs, PIPE_ITEM_TIMEOUT_MS);
    const deadlineMs = this.#nowMs + waitMs;
    // The client's partition and epoch are replaced: the facade knows better, or learns.
    const error =
      partitionId === META_PARTITION
        ? metaIsClosed
        : this.#context.forwarder.forward(
            id,
            deadlineMs,
            resend,
            op,
            start,
            end,
            consistency,
            argument,
          );
    if (error === null) return;
    this.#left();
    this.#refuse(id, error);
  }

  /** @internal */
  invalid(id: number, error: DougError): void {
    this.#answerError(id, null, this.#refusal ?? error);
  }

  /** @internal */
  cancel(id: number): void {
    this.#cancels.add(id);
  }

  // Origin

  /** @internal */
  written(
    id: number,
    header: ResponseHeader,
    revision: number,
    resultNotKept: boolean,
    compareFailed: boolean,
    previousRevision: number,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    resultStart: number,
    resultEnd: number,
  ): void {
    this.#left();
    if (this.#isClosed) return;
    const detailBytes = valueEnd - valueStart + resultEnd - resultStart;
    if (!compareFailed && previousRevision === 0 && detailBytes === 0) {
      if (!this.#writer.addWrite(id, header, revision, resultNotKept)) {
        this.#send();
        this.#writer.addWrite(id, header, revision, resultNotKept);
      }
    } else {
      // It has taken effect whether or not there is room for what it has to tell.
      const hasRoom = this.#hasRoom(detailBytes);
      const previousValue =
        hasRoom && valueEnd > valueStart ? bytes.subarray(valueStart, valueEnd) : null;
      const answer = {
        revision,
        compareFailed,
        previousRevision,
        previousValue,
        resultNotKept: resultNotKept || !hasRoom,
        result: hasRoom ? bytes.subarray(resultStart, resultEnd) : null,
      };
      if (!this.#writer.addLookedWrite(id, header, answer)) {
        this.#send();
        this.#writer.addLookedWrite(id, header, answer);
      }
    }
    this.#scheduleFlush();
  }

  /** @internal */
  found(
    id: number,
    header: ResponseHeader,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
  ): void {
    this.#left();
    if (this.#isClosed) return;
    // A caller that asks faster than it reads may not fill the memory with its answers.
    if (!this.#hasRoom(valueEnd - valueStart)) {
      this.#answerError(id, header, connectionIsBusy);
      return;
    }
    if (!this.#writer.addGet(id, header, bytes, valueStart, valueEnd, revision, expiresAt)) {
      this.#send();
      this.#writer.addGet(id, header, bytes, valueStart, valueEnd, revision, expiresAt);
    }
    this.#scheduleFlush();
  }

  /** @internal */
  absent(id: number, header: ResponseHeader): void {
    this.#left();
    if (this.#isClosed) return;
    if (!this.#writer.addGetMissing(id, header)) {
      this.#send();
      this.#writer.addGetMissing(id, header);
    }
    this.#scheduleFlush();
  }

  /** @internal */
  failed(id: number, header: ResponseHeader | null, error: WireError): void {
    this.#left();
    this.#addError(id, header, error);
  }

  /** Refuses an item, and the rest of its message if a smaller item might find the room that this one did not. */
  #refuse(id: number, error: DougError): void {
    // INVARIANT(call-order): what stands behind a refused write on the same key is refused as well.
    if (orderedRefusals.has(error.reason)) this.#refusal ??= error;
    this.#answerError(id, null, error);
  }

  #answerError(id: number, header: ResponseHeader | null, error: DougError): void {
    if (error !== this.#lastError) {
      // A run of items often fails with one error object.
      this.#lastError = error;
      this.#lastWire = toWire(error);
    }
    this.#addError(id, header, this.#lastWire);
  }

  #addError(id: number, header: ResponseHeader | null, error: WireError): void {
    if (this.#isClosed) return;
    if (!this.#writer.addError(id, header, error)) {
      this.#send();
      this.#writer.addError(id, header, error);
    }
    this.#scheduleFlush();
  }

  #cancel(): void {
    const ids = this.#cancels;
    this.#cancels = new Set();
    this.#context.forwarder.cancel(this, ids);
  }

  /** Takes an item on, or says why not. */
  #overload(sizeBytes: number): DougError | null {
    if (this.#open >= limits.pipeWindowItems || this.#openBytes + sizeBytes > PIPE_BYTES) {
      return pipeIsBusy;
    }
    return this.#context.admission.tryEnter(sizeBytes) ? null : facadeIsBusy;
  }

  #hasRoom(valueBytes: number): boolean {
    return (
      this.#writer.sizeBytes + this.#output.queuedBytes + valueBytes <= limits.answerQueueBytes
    );
  }

  /** One item is answered. */
  #left(): void {
    const shareBytes = Math.floor(this.#openBytes / this.#open);
    this.#context.admission.leave(shareBytes);
    this.#openBytes -= shareBytes;
    this.#open--;
    if (!this.#isFull || this.#open >= RESUME_ITEMS) return;
    this.#isFull = false;
    if (!this.#isClosed) this.#output.drained();
  }

  #scheduleFlush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#context.clock.defer(() => {
      this.#isFlushing = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#isClosed || this.#writer.results === 0) return;
    this.#output.send(this.#writer.finish());
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#send();
    this.closed();
    this.#output.fail(error);
  }
}

const nothing = new Uint8Array(0);
const busyRetryMs = 50;

// Made once: an error object costs more than all else that is done for an item.
const busy = (what: string): DougError =>
  new DougError('BUSY', `${what} has as much unanswered work as it takes`, {
    retryAfterMs: busyRetryMs,
  });
const pipeIsBusy = busy('this pipe');
/** Too much is under way for all clients together. */
export const facadeIsBusy = busy('the facade');
const connectionIsBusy = busy('the connection');
const metaIsClosed = new DougError(
  'INVALID_ARGUMENT',
  `partition ${META_PARTITION} is the cluster's own`,
);
