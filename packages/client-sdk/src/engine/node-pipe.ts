import type { PipeConnection } from '@dougdb/facade';
import type { Timer } from '@dougdb/ports';
import {
  DougError,
  limits,
  NO_HEADER,
  PipeRequestWriter,
  type PipeResponseVisitor,
  type ResponseHeader,
  readPipeResponse,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import { AnswerRing } from './answer-ring.js';
import { type Body, readBodyResult } from './body.js';
import { encodeCommand, isPossible } from './command.js';
import { type LookedAnswer, type Operation, Place } from './operation.js';
import type { PipeOwner, PipePorts } from './pipe-owner.js';

/**
 * Bytes of operations that are not answered, at which a pipe sends no more: half of what a node takes
 * from one pipe before it is busy.
 */
const windowBytes = limits.admittedBytes / 8;

/** So many withdrawn operations may stay in a queue that does not move. */
const mostWithdrawn = 1_024;

/**
 * Operations wait this long without a sign of life before the owner is told, and again after it. A
 * connection that is not there by then is given up.
 */
export const SILENCE_MS = 1_000;

/**
 * The Pipe stream to one node: operations of one turn leave together, answers come in any order. The
 * stream is opened when there is something to send, and again after it was lost.
 */
export class NodePipe implements PipeResponseVisitor {
  readonly address: string;
  readonly #owner: PipeOwner;
  readonly #ports: PipePorts;
  readonly #writer = new PipeRequestWriter();
  #connection: PipeConnection | null = null;
  /** Events of connections before this one are not heard any more. */
  #generation = 0;
  #open = false;
  #blocked = false;
  #scheduled = false;
  #flushing = false;
  /** What is not sent yet begins at `head`. Withdrawn operations stay in it until their turn. */
  #queue: Operation[] = [];
  #head = 0;
  #queuedBytes = 0;
  /** Withdrawn while they were in the queue, since it was last swept. */
  #withdrawn = 0;
  #waiting = new AnswerRing<Operation>();
  #waitingBytes = 0;
  #cancels: number[] = [];
  /** Of the connection that is being made, or of the answers that are waited for. */
  #silence: Timer | null = null;
  #heardMs = 0;

  // What is being read.
  #bytes: Uint8Array = nothing;
  #headers: readonly ResponseHeader[] = [];

  constructor(address: string, owner: PipeOwner, ports: PipePorts) {
    this.address = address;
    this.#owner = owner;
    this.#ports = ports;
  }

  /** Operations that were sent and not answered, by the order of sending. */
  get sent(): Operation[] {
    return this.#waiting.items();
  }

  /** Whether operations wait for answers and nothing was heard for {@link SILENCE_MS}. */
  get isSilent(): boolean {
    const silentMs = this.#ports.clock.monotonicMs() - this.#heardMs;
    return this.#waiting.size > 0 && silentMs >= SILENCE_MS;
  }

  /** Takes an operation for the next message. */
  enqueue(op: Operation): void {
    op.place = Place.queue;
    op.pipe = this;
    this.#queue.push(op);
    this.#queuedBytes += op.sizeBytes;
    const isFull =
      this.#queued >= limits.pipeBatchItems || this.#queuedBytes >= limits.pipeBatchBytes;
    if (isFull) this.#flush();
    else this.#schedule();
  }

  /** Nobody waits for this operation any more, or it goes elsewhere. */
  withdraw(op: Operation): void {
    op.pipe = null;
    if (op.place === Place.sent && this.#take(op.itemId) !== null) {
      this.#cancels.push(op.itemId);
      this.#schedule();
    }
    // What is still in the queue is passed over when its turn comes, which may be never.
    if (op.place !== Place.queue || ++this.#withdrawn < mostWithdrawn) return;
    if (this.#withdrawn * 2 >= this.#queued) this.#sweep();
  }

  /** Gives the stream up: everything on it is lost. */
  abandon(error: DougError): void {
    this.#connection?.close();
    this.#ended(error);
  }

  /** Ends the stream without a word to the owner. */
  close(): void {
    this.#connection?.close();
    this.#reset();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.clock.defer(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#flushing) return;
    if (!this.#open) {
      if (this.#connection === null && this.#queued > 0) this.#connect();
      return;
    }
    if (this.#waiting.size === 0) this.#heardMs = this.#ports.clock.monotonicMs();
    this.#flushing = true;
    while (this.#maySend() && this.#sendMessage());
    this.#flushing = false;
    if (this.#waiting.size > 0 && this.#silence === null) this.#watchSilence(SILENCE_MS);
  }

  #sweep(): void {
    this.#withdrawn = 0;
    this.#queue = this.#unsent();
    this.#head = 0;
    this.#queuedBytes = this.#queue.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  #unsent(): Operation[] {
    return this.#queue
      .slice(this.#head)
      .filter((op) => op.pipe === this && op.place === Place.queue);
  }

  #maySend(): boolean {
    if (!this.#open || this.#blocked) return false;
    return this.#cancels.length > 0 || (this.#queued > 0 && this.#windowIsOpen);
  }

  /** Sends one message. @returns false: nothing was sent */
  #sendMessage(): boolean {
    const writer = this.#writer;
    writer.begin(this.#waiting.nextId, this.#ports.clusterId());
    const cancels = this.#cancels;
    this.#cancels = [];
    for (const id of cancels) writer.addCancel(id);
    this.#addItems(this.#ports.nextMessage());
    if (writer.items === 0 && cancels.length === 0) return false;
    this.#blocked = !(this.#connection as PipeConnection).send(writer.finish());
    return true;
  }

  #addItems(message: number): void {
    const nowMs = this.#ports.clock.monotonicMs();
    // The queue may grow meanwhile: what is put back by its lane may join at the end.
    while (this.#queued > 0 && this.#hasRoom()) {
      const op = this.#queue[this.#head++] as Operation;
      this.#queuedBytes -= op.sizeBytes;
      // Withdrawn meanwhile, or sent elsewhere.
      if (op.pipe !== this || op.place !== Place.queue) continue;
      if (op.deadlineMs <= nowMs) this.#owner.overdue(op);
      else if (this.#owner.maySend(op, message)) this.#addItem(op, nowMs);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 4096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  get #queued(): number {
    return this.#queue.length - this.#head;
  }

  get #windowIsOpen(): boolean {
    return (
      this.#waiting.size < limits.pipeWindowItems &&
      this.#waiting.hasRoom &&
      this.#waitingBytes < windowBytes
    );
  }

  /** Whether one more item may join the message. */
  #hasRoom(): boolean {
    return (
      this.#writer.items < limits.pipeBatchItems &&
      this.#writer.sizeBytes < limits.pipeBatchBytes &&
      this.#windowIsOpen
    );
  }

  #addItem(op: Operation, nowMs: number): void {
    const timeoutMs = Math.max(1, Math.ceil(op.deadlineMs - nowMs));
    const { partitionId, epochVersion, maybeApplied } = op;
    if (op.kind === 'get') {
      const { key, level } = op;
      const { consistency, argument } = level;
      this.#writer.addGet(
        timeoutMs,
        partitionId,
        epochVersion,
        false,
        consistency,
        key,
        0,
        key.length,
        argument,
      );
    } else {
      // `resend` says that an earlier attempt may have taken effect: what ended NOT_APPLIED was no send.
      const command = encodeCommand(op);
      this.#writer.addCommand(timeoutMs, partitionId, epochVersion, maybeApplied, command);
    }
    op.itemId = this.#waiting.add(op);
    op.givenMs = timeoutMs;
    this.#waitingBytes += op.sizeBytes;
    op.place = Place.sent;
  }

  #connect(): void {
    const generation = ++this.#generation;
    this.#silence = this.#ports.clock.setTimer(SILENCE_MS, () => {
      this.abandon(new DougError('NO_LEADER', `no connection to ${this.address}`));
    });
    const isCurrent = (): boolean => generation === this.#generation;
    this.#connection = this.#ports.transport.openPipe(this.address, {
      opened: () => {
        if (!isCurrent()) return;
        this.#open = true;
        this.#silence?.cancel();
        this.#silence = null;
        this.#flush();
      },
      received: (response) => {
        if (isCurrent()) this.#received(response);
      },
      drained: () => {
        if (!isCurrent()) return;
        this.#blocked = false;
        this.#flush();
      },
      closed: (error) => {
        if (isCurrent()) this.#ended(error);
      },
    });
  }

  #received(response: Uint8Array): void {
    this.#heardMs = this.#ports.clock.monotonicMs();
    this.#owner.heard(this);
    this.#bytes = response;
    try {
      readPipeResponse(response, this);
    } catch (error) {
      // What was not understood may have been any answer: the stream is worth nothing any more.
      this.abandon(DougError.from(error));
      return;
    } finally {
      this.#bytes = nothing;
      this.#headers = [];
    }
    // There is room in the window again.
    if (this.#queued > 0) this.#flush();
  }

  #ended(error: DougError): void {
    const sent = this.#waiting.items();
    const unsent = this.#unsent();
    this.#reset();
    for (const op of sent) op.pipe = null;
    for (const op of unsent) op.pipe = null;
    this.#owner.lost(this, sent, unsent, error);
  }

  #reset(): void {
    this.#generation++;
    this.#connection = null;
    this.#open = false;
    this.#blocked = false;
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#withdrawn = 0;
    this.#waiting = new AnswerRing<Operation>();
    this.#waitingBytes = 0;
    this.#cancels = [];
    this.#silence?.cancel();
    this.#silence = null;
  }

  #watchSilence(delayMs: number): void {
    this.#silence = this.#ports.clock.setTimer(delayMs, () => {
      this.#silence = null;
      if (this.#waiting.size === 0) return;
      const leftMs = this.#heardMs + SILENCE_MS - this.#ports.clock.monotonicMs();
      if (leftMs <= 0) this.#owner.silent(this);
      // The owner may have given the stream up, and another one may be watched by now.
      if (this.#waiting.size === 0 || this.#silence !== null) return;
      this.#watchSilence(leftMs > 0 ? leftMs : SILENCE_MS);
    });
  }

  // PipeResponseVisitor

  /** @internal */
  begin(headers: readonly ResponseHeader[]): void {
    this.#headers = headers;
    for (const header of headers) this.#owner.header(header);
  }

  /** @internal */
  write(
    id: number,
    header: number,
    revision: number,
    resultNotKept: boolean,
    compareFailed: boolean,
    previousRevision: number,
    valueStart: number,
    valueEnd: number,
    resultStart: number,
    resultEnd: number,
  ): void {
    const op = this.#answered(id, header);
    if (op === null) return;
    const { look, body } = op;
    if (body !== null) {
      const answer = { revision, compareFailed, previousRevision, resultKept: !resultNotKept };
      this.#carriedOut(op, body, answer, resultStart, resultEnd);
      return;
    }
    if (look === null) {
      if (op.isRead || compareFailed) this.#owner.garbled(op);
      else this.#owner.written(op, revision);
      return;
    }
    const answer = { revision, compareFailed, previousRevision, resultKept: !resultNotKept };
    if (isPossible(look, answer)) {
      this.#owner.looked(op, look, answer, this.#bytes, valueStart, valueEnd);
    } else {
      this.#owner.garbled(op);
    }
  }

  #carriedOut(
    op: Operation,
    body: Body,
    answer: LookedAnswer,
    resultStart: number,
    resultEnd: number,
  ): void {
    if (!answer.resultKept) {
      this.#owner.carriedOut(op, answer, null);
      return;
    }
    const result = readBodyResult(body, answer, this.#bytes.slice(resultStart, resultEnd));
    if (result === undefined) this.#owner.garbled(op);
    else this.#owner.carriedOut(op, answer, result);
  }

  /** @internal */
  get(
    id: number,
    header: number,
    found: boolean,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
  ): void {
    const op = this.#answered(id, header);
    if (op === null) return;
    if (!op.isRead) {
      this.#owner.garbled(op);
    } else if (found) {
      const ageMs = this.#headers[header]?.ageMs ?? 0;
      this.#owner.found(op, this.#bytes, valueStart, valueEnd, revision, ageMs, expiresAt);
    } else {
      this.#owner.absent(op);
    }
  }

  /** @internal */
  error(id: number, _header: number, error: WireError): void {
    const op = this.#answered(id);
    if (op !== null) this.#owner.failed(op, error);
  }

  /** @internal */
  unknown(id: number): void {
    const op = this.#answered(id);
    if (op !== null) this.#owner.garbled(op);
  }

  /** Null: answered before, or nobody waits for it any more. */
  #answered(id: number, header = NO_HEADER): Operation | null {
    const op = this.#take(id);
    if (op === null) return null;
    op.pipe = null;
    const partitionId = this.#headers[header]?.partitionId ?? op.partitionId;
    if (partitionId !== op.partitionId) this.#owner.elsewhere();
    return op;
  }

  #take(id: number): Operation | null {
    const op = this.#waiting.take(id);
    if (op !== null) this.#waitingBytes -= op.sizeBytes;
    return op;
  }
}

const nothing = new Uint8Array(0);
