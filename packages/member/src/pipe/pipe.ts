import type { Clock } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import {
  CommandView,
  type Consistency,
  checkRequestBytes,
  DougError,
  LINEARIZABLE,
  type LookedWrite,
  limits,
  PIPE_ITEM_TIMEOUT_MS,
  type PipeOp,
  type PipeRequestVisitor,
  PipeResponseWriter,
  type ReadLevel,
  type ResponseHeader,
  readCommand,
  readPipeRequest,
  toWire,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import type { PipeOutput, PipeSession } from '../contract.js';
import { type Admission, busy } from '../handlers/admission.js';
import type { ClusterView } from '../handlers/cluster-view.js';
import { PartitionSink, type PipeAnswers } from './partition-sink.js';

/** Reading goes on when so much of the window is free again. */
const RESUME_ITEMS = Math.floor(limits.pipeWindowItems * 0.75);
/** Bytes of items of one pipe that are not answered. */
const PIPE_BYTES = limits.admittedBytes / 4;

/** Refusals that depend on the size of an operation or change within a turn. */
const ORDERED_REFUSALS: ReadonlySet<string> = new Set(['DOUG_BUSY', 'DOUG_NO_SPACE']);

/** What a looked write answers whose result is gone. */
const NOT_KEPT = {
  previousRevision: 0,
  previousValue: null,
  result: null,
  resultNotKept: true,
} as const;

/** Read and used within one call. */
const commandView = new CommandView();

export interface PipeContext {
  readonly clock: Clock;
  readonly admission: Admission;
  /** @throws DougError STARTING, DRAINING */
  readonly view: () => ClusterView;
  readonly onClosed: (pipe: Pipe) => void;
}

/**
 * One Pipe stream. A message is one walk over its bytes; nothing is made for an item beside what the
 * replica keeps. Answers of one turn of the loop leave as one message.
 *
 * Bytes of items are not kept by id: each answer gives back an even share of what is open, which is
 * exact whenever nothing is open and never holds more than was taken.
 */
export class Pipe implements PipeSession, PipeRequestVisitor, PipeAnswers {
  readonly #context: PipeContext;
  readonly #output: PipeOutput;
  readonly #writer = new PipeResponseWriter();
  readonly #sinks = new Map<Replica, PartitionSink>();
  #view: ClusterView | null = null;
  /** Why all items of the message being read are refused. */
  #refusal: DougError | null = null;
  #request: Uint8Array = new Uint8Array(0);
  #nowMs = 0;
  #lastError: DougError | null = null;
  #lastWire: WireError = toWire(new DougError('INTERNAL', ''));
  #level: ReadLevel = LINEARIZABLE;
  #open = 0;
  #openBytes = 0;
  #full = false;
  #flushing = false;
  /** Inside of received(). */
  #isReading = false;
  #closed = false;

  constructor(context: PipeContext, output: PipeOutput) {
    this.#context = context;
    this.#output = output;
  }

  get openItems(): number {
    return this.#open;
  }

  get isAnswered(): boolean {
    return this.#open === 0 && this.#writer.results === 0;
  }

  received(request: Uint8Array): void {
    if (this.#closed) return;
    this.#request = request;
    this.#isReading = true;
    try {
      checkRequestBytes(request);
      readPipeRequest(request, this);
    } catch (error) {
      // The message itself: what was before it is answered, nothing of it was begun.
      this.#fail(error);
    } finally {
      this.#request = new Uint8Array(0);
      this.#isReading = false;
    }
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.onClosed(this);
  }

  /** Ends the stream: the node stops. */
  end(): void {
    this.#fail(new DougError('IN_DOUBT', 'the node is stopping'));
  }

  begin(_firstId: number, clusterIdStart: number, clusterIdEnd: number): void {
    this.#nowMs = this.#context.clock.monotonicMs();
    this.#refusal = null;
    try {
      this.#view = this.#context.view();
      this.#view.checkCluster(this.#request.subarray(clusterIdStart, clusterIdEnd));
    } catch (error) {
      this.#refusal = DougError.from(error, 'NOT_APPLIED');
    }
  }

  item(
    id: number,
    timeoutMs: number,
    partitionId: number,
    epochVersion: number,
    _resend: boolean,
    op: PipeOp,
    start: number,
    end: number,
    consistency: Consistency,
    argument: number,
  ): void {
    const view = this.#view;
    const refusal = this.#refusal ?? this.#overload(end - start);
    if (refusal !== null || view === null) {
      this.#refusal = refusal;
      this.#answerError(id, null, refusal ?? new DougError('STARTING', 'no cluster yet'));
      return;
    }
    this.#open++;
    this.#openBytes += end - start;
    if (this.#open >= limits.pipeWindowItems) this.#full = true;
    const waitMs =
      timeoutMs === 0 ? PIPE_ITEM_TIMEOUT_MS : Math.min(timeoutMs, PIPE_ITEM_TIMEOUT_MS);
    const deadlineMs = this.#nowMs + waitMs;
    try {
      const replica = this.#replicaOf(view, partitionId, op, start, end);
      const sink = this.#sinkOf(view, replica);
      if (op === 'command') {
        replica.write(this.#request, start, end, epochVersion, deadlineMs, sink, id);
      } else {
        const key = this.#request.subarray(start, end);
        const level = this.#levelOf(consistency, argument);
        replica.get(key, level, epochVersion, deadlineMs, sink, id);
      }
    } catch (error) {
      this.#left();
      this.#answerError(id, null, DougError.from(error, 'NOT_APPLIED'));
    }
  }

  invalid(id: number, error: DougError): void {
    this.#answerError(id, null, this.#refusal ?? error);
  }

  /** What was taken on is answered all the same; nothing waits here that could be dropped. */
  cancel(_id: number): void {}

  written(id: number, header: ResponseHeader, revision: number): void {
    this.#left();
    if (this.#closed) return;
    if (!this.#writer.addWrite(id, header, revision, false)) {
      this.#send();
      this.#writer.addWrite(id, header, revision, false);
    }
    this.#scheduleFlush();
  }

  looked(id: number, header: ResponseHeader, write: LookedWrite): void {
    this.#left();
    if (this.#closed) return;
    // It took effect, so it cannot be refused as a get is: it is answered without what it found.
    const answerBytes = (write.previousValue?.length ?? 0) + (write.result?.length ?? 0);
    const hasRoom = answerBytes === 0 || this.#hasRoomFor(answerBytes);
    const answer = hasRoom ? write : { ...write, ...NOT_KEPT };
    if (!this.#writer.addLookedWrite(id, header, answer)) {
      this.#send();
      this.#writer.addLookedWrite(id, header, answer);
    }
    this.#scheduleFlush();
  }

  found(
    id: number,
    header: ResponseHeader,
    value: Uint8Array,
    revision: number,
    expiresAt: number,
  ): void {
    this.#left();
    if (this.#closed) return;
    if (!this.#hasRoomFor(value.length)) {
      this.#answerError(id, header, busy('the connection'));
      return;
    }
    if (!this.#writer.addGet(id, header, value, 0, value.length, revision, expiresAt)) {
      this.#send();
      this.#writer.addGet(id, header, value, 0, value.length, revision, expiresAt);
    }
    this.#scheduleFlush();
  }

  absent(id: number, header: ResponseHeader): void {
    this.#left();
    if (this.#closed) return;
    if (!this.#writer.addGetMissing(id, header)) {
      this.#send();
      this.#writer.addGetMissing(id, header);
    }
    this.#scheduleFlush();
  }

  failed(id: number, header: ResponseHeader, error: DougError): void {
    this.#left();
    // INVARIANT(call-order): where a write found no room, a smaller one after it in the message may not.
    if (this.#isReading && ORDERED_REFUSALS.has(error.code)) this.#refusal ??= error;
    this.#answerError(id, header, error);
  }

  #answerError(id: number, header: ResponseHeader | null, error: DougError): void {
    if (this.#closed) return;
    if (error !== this.#lastError) {
      // A run of items often fails with one error object.
      this.#lastError = error;
      this.#lastWire = toWire(this.#view?.complete(error) ?? error);
    }
    const wire = this.#lastWire;
    if (!this.#writer.addError(id, header, wire)) {
      this.#send();
      this.#writer.addError(id, header, wire);
    }
    this.#scheduleFlush();
  }

  #replicaOf(
    view: ClusterView,
    partitionId: number,
    op: PipeOp,
    start: number,
    end: number,
  ): Replica {
    // One partition: the replica itself checks that the key lies in its range.
    const { only } = view.store;
    if (only !== undefined && (partitionId === 0 || partitionId === only.partitionId)) return only;
    // Where the partition is here its key is looked at once, by the replica.
    const isHere = partitionId !== 0 && view.store.byPartition(partitionId) !== undefined;
    if (!isHere && op === 'command') {
      readCommand(this.#request, start, end, commandView);
      const { keyStart, keyEnd } = commandView;
      return view.partition(partitionId, this.#request.subarray(keyStart, keyEnd));
    }
    return view.partition(partitionId, this.#request.subarray(start, end));
  }

  /** A run of items often asks for one level: one object serves it. */
  #levelOf(consistency: Consistency, argument: number): ReadLevel {
    if (this.#level.consistency !== consistency || this.#level.argument !== argument) {
      this.#level = { consistency, argument };
    }
    return this.#level;
  }

  #sinkOf(view: ClusterView, replica: Replica): PartitionSink {
    const known = this.#sinks.get(replica);
    if (known !== undefined) return known;
    const sink = new PartitionSink(this, view, replica);
    this.#sinks.set(replica, sink);
    return sink;
  }

  /** A caller that asks faster than it reads may not fill the memory with its answers. */
  #hasRoomFor(valueBytes: number): boolean {
    const waitingBytes = this.#writer.sizeBytes + (this.#output.queuedBytes ?? 0);
    return waitingBytes + valueBytes <= limits.answerQueueBytes;
  }

  /** Takes an item on, or says why not. */
  #overload(sizeBytes: number): DougError | null {
    if (this.#open >= limits.pipeWindowItems || this.#openBytes + sizeBytes > PIPE_BYTES) {
      return busy('this pipe');
    }
    return this.#context.admission.tryEnter(sizeBytes) ? null : busy('the node');
  }

  /** One item is answered. */
  #left(): void {
    const shareBytes = Math.floor(this.#openBytes / this.#open);
    this.#context.admission.leave(shareBytes);
    this.#openBytes -= shareBytes;
    this.#open--;
    if (!this.#full || this.#open >= RESUME_ITEMS) return;
    this.#full = false;
    if (!this.#closed) this.#output.drained();
  }

  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context.clock.defer(() => {
      this.#flushing = false;
      for (const sink of this.#sinks.values()) sink.turnEnded();
      this.#send();
    });
  }

  #send(): void {
    if (this.#closed || this.#writer.results === 0) return;
    this.#output.send(this.#writer.finish());
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#send();
    this.closed();
    this.#output.fail(error);
  }
}
