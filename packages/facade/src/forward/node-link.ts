import type { Clock, Timer } from '@dougdb/ports';
import {
  type Consistency,
  DougError,
  limits,
  PipeRequestWriter,
  type ResponseHeader,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import type { NodeTransport, PipeConnection } from '../transport.js';
import { DROPPED, GET, RESEND } from './item-flags.js';
import { ItemQueue, type Part } from './item-queue.js';
import { cancelled, doesNotFit, expired, lossOf, queueIsFull } from './link-errors.js';
import type { Origin } from './origin.js';
import { type AnswerListener, SentItems } from './sent-items.js';

/** What an item costs in a message beside its operation, at most. */
const itemOverheadBytes = 48;
/** What a message costs beside its items. */
const messageOverheadBytes = 256;
/** Largest sum of operations of one part: it must fit into one message. */
const messageBytes = limits.requestBytes - messageOverheadBytes;

/** A connection that is not there by then is given up; an owner is told of a silence of that length. */
export const SILENCE_MS = 1_000;
/** How often deadlines and silence are looked at while something is under way. */
const SWEEP_MS = 100;

/** What a link tells its owner. */
export interface LinkOwner {
  /** The node has sent something. */
  heard(link: NodeLink): void;
  /** A message with so many items has left. */
  left(items: number): void;
  /** Headers of an answer, before all else that it says. */
  headers(headers: readonly ResponseHeader[]): void;
  /**
   * The node refused an item. @returns what its origin is told
   * @param eventual - any replica could have served it
   */
  refused(
    link: NodeLink,
    partitionId: number,
    epochVersion: number,
    eventual: boolean,
    error: WireError,
  ): WireError;
  /** The stream is over; called before the items that were on it are answered. */
  lost(link: NodeLink, error: DougError): void;
  /** The node owes answers and has said nothing for a while; again and again while that is so. */
  silent(link: NodeLink): void;
}

/** What all links share. */
export interface LinkPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly clusterId: () => Uint8Array;
}

/**
 * The Pipe to one node, shared by all origins. What they add in one turn leaves together, whole parts
 * only: the order of the writes on one key rests on their being in one message.
 *
 * What the node may hold of ours at a time is known here (items and bytes), so that it need not refuse;
 * the rest waits in a queue with a cap of its own. The stream is opened when there is something to
 * send, and again after it was lost.
 */
export class NodeLink implements AnswerListener {
  readonly address: string;
  readonly #owner: LinkOwner;
  readonly #ports: LinkPorts;
  readonly #writer = new PipeRequestWriter();
  #queue = new ItemQueue();
  #sent = new SentItems(this, 1);
  #cancels: number[] = [];
  #connection: PipeConnection | null = null;
  /** Events of connections before this one are not heard any more. */
  #generation = 0;
  #isOpen = false;
  #isBlocked = false;
  #isScheduled = false;
  #connectTimer: Timer | null = null;
  #sweepTimer: Timer | null = null;
  #heardMs = 0;
  /** When the owner was last told of a silence. */
  #toldMs = Number.NEGATIVE_INFINITY;
  /** No item that is under way or waits is due before it. */
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(address: string, owner: LinkOwner, ports: LinkPorts) {
    this.address = address;
    this.#owner = owner;
    this.#ports = ports;
  }

  /** Items that wait or are not answered by the node. */
  get openItems(): number {
    return this.#queue.size + this.#sent.size;
  }

  /** Whether answers are owed and nothing was heard for {@link SILENCE_MS}. */
  get isSilent(): boolean {
    const silentMs = this.#ports.clock.monotonicMs() - this.#heardMs;
    return this.#sent.size > 0 && silentMs >= SILENCE_MS;
  }

  /** The partitions of the items that the node has and has not answered. */
  sentPartitions(): Set<number> {
    return this.#sent.partitions();
  }

  /**
   * Begins a part, to which {@link add} adds.
   * @param request - the message of the origin; held until the part has left
   */
  beginPart(origin: Origin, request: Uint8Array): Part {
    return this.#queue.begin(origin, request);
  }

  /**
   * Why a part takes no further item of so many bytes; null: it does.
   * @param part - null: one that would be begun with this item
   */
  refusal(part: Part | null, requestBytes: number, sizeBytes: number): DougError | null {
    const queue = this.#queue;
    if (queue.size >= limits.forwardQueueItems) return queueIsFull;
    if (part === null) {
      const isFull = queue.size > 0 && queue.heldBytes + requestBytes > limits.forwardQueueBytes;
      return isFull ? queueIsFull : null;
    }
    const neededBytes = part.sizeBytes + sizeBytes + (part.items + 1) * itemOverheadBytes;
    return neededBytes > messageBytes ? doesNotFit : null;
  }

  /** Adds the operation request[start, end) of the part's message, as {@link ItemQueue.add}. It leaves with the next turn. */
  add(
    part: Part,
    originId: number,
    partitionId: number,
    epochVersion: number,
    deadlineMs: number,
    flags: number,
    start: number,
    end: number,
    consistency: Consistency,
    argument: number,
  ): void {
    this.#queue.add(
      part,
      originId,
      partitionId,
      epochVersion,
      deadlineMs,
      flags,
      start,
      end,
      consistency,
      argument,
    );
    if (deadlineMs < this.#dueMs) this.#dueMs = deadlineMs;
    this.#schedule();
  }

  /** Nobody waits for these items of the origin any more. Those that have not left are answered at once. */
  cancel(origin: Origin, originIds: ReadonlySet<number>): void {
    const queue = this.#queue;
    queue.each((part, slot) => {
      const originId = queue.originId(slot);
      const isMeant = part.origin === origin && (queue.flags(slot) & DROPPED) === 0;
      if (!isMeant || !originIds.has(originId)) return;
      queue.drop(slot);
      origin.failed(originId, null, cancelled);
    });
    const room = limits.pipeWindowItems - this.#cancels.length;
    this.#cancels.push(...this.#sent.idsOf(origin, originIds).slice(0, room));
    if (this.#cancels.length > 0) this.#schedule();
  }

  /** Gives the stream up: everything on it is lost. */
  abandon(error: DougError): void {
    this.#connection?.close();
    this.#ended(error);
  }

  /** Ends the link: everything on it is lost, and the owner is not told. */
  close(error: DougError): void {
    this.#connection?.close();
    this.#failAll(error);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#ports.clock.defer(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOpen) {
      if (this.#sent.size === 0) this.#heardMs = this.#ports.clock.monotonicMs();
      while (this.#maySend() && this.#sendMessage());
    } else if (this.#connection === null && this.#queue.size > 0) {
      this.#connect();
    }
    this.#keepSweeping();
  }

  #maySend(): boolean {
    return this.#isOpen && !this.#isBlocked && (this.#queue.size > 0 || this.#cancels.length > 0);
  }

  /** Sends one message. @returns false: nothing may leave now */
  #sendMessage(): boolean {
    const writer = this.#writer;
    writer.begin(this.#sent.nextId, this.#ports.clusterId());
    const cancels = this.#cancels;
    this.#cancels = [];
    for (const id of cancels) writer.addCancel(id);
    const nowMs = this.#ports.clock.monotonicMs();
    let hasMoved = cancels.length > 0;
    for (let part = this.#queue.first; part !== null; part = this.#queue.first) {
      if (!this.#fits(part)) break;
      this.#addPart(part, nowMs);
      this.#queue.shift();
      hasMoved = true;
    }
    if (writer.items > 0 || cancels.length > 0) {
      this.#owner.left(writer.items);
      this.#isBlocked = !(this.#connection as PipeConnection).send(writer.finish());
    }
    return hasMoved;
  }

  /** Whether a part may join the message that is being made. */
  #fits(part: Part): boolean {
    if (!this.#sent.hasRoom(part.items, part.sizeBytes)) return false;
    const { items, sizeBytes } = this.#writer;
    const neededBytes = part.sizeBytes + part.items * itemOverheadBytes;
    // INVARIANT(part-in-one-message): a part that is too much for a batch is a batch of its own. With many
    // cancels before it, which leave by themselves then, it may be more than the node takes.
    if (items === 0) return sizeBytes + neededBytes <= limits.requestBytes;
    return (
      items + part.items <= limits.entryCommands && sizeBytes + neededBytes <= limits.pipeBatchBytes
    );
  }

  #addPart(part: Part, nowMs: number): void {
    const queue = this.#queue;
    const { origin } = part;
    for (let place = 0; place < part.items; place++) {
      const slot = queue.slotAt(place);
      if ((queue.flags(slot) & DROPPED) !== 0) continue;
      if (origin.isGone) origin.failed(queue.originId(slot), null, cancelled);
      else if (queue.deadlineMs(slot) <= nowMs) origin.failed(queue.originId(slot), null, expired);
      else this.#addItem(part, slot, nowMs);
    }
  }

  #addItem({ origin, request }: Part, slot: number, nowMs: number): void {
    const queue = this.#queue;
    const flags = queue.flags(slot);
    const partition = queue.partitionId(slot);
    const epoch = queue.epochVersion(slot);
    const deadlineMs = queue.deadlineMs(slot);
    const start = queue.start(slot);
    const end = queue.end(slot);
    // At least 1: 0 would mean the node's own limit.
    const leftMs = Math.max(1, Math.ceil(deadlineMs - nowMs));
    const resend = (flags & RESEND) !== 0;
    if ((flags & GET) === 0) {
      this.#writer.addCommand(leftMs, partition, epoch, resend, request, start, end);
    } else {
      this.#writer.addGet(
        leftMs,
        partition,
        epoch,
        resend,
        queue.consistency(slot),
        request,
        start,
        end,
        queue.argument(slot),
      );
    }
    const originId = queue.originId(slot);
    this.#sent.add(origin, originId, partition, epoch, deadlineMs, flags, end - start);
  }

  #connect(): void {
    const generation = ++this.#generation;
    const isCurrent = (): boolean => generation === this.#generation;
    this.#connectTimer = this.#ports.clock.setTimer(SILENCE_MS, () => {
      this.abandon(new DougError('NO_LEADER', `no connection to ${this.address}`));
    });
    this.#connection = this.#ports.transport.openPipe(this.address, {
      opened: () => {
        if (!isCurrent()) return;
        this.#isOpen = true;
        this.#connectTimer?.cancel();
        this.#connectTimer = null;
        this.#flush();
      },
      received: (response) => {
        if (isCurrent()) this.#received(response);
      },
      drained: () => {
        if (!isCurrent()) return;
        this.#isBlocked = false;
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
    try {
      this.#sent.read(response);
    } catch (error) {
      // What was not understood may have been any answer: the stream is worth nothing any more.
      this.abandon(DougError.from(error));
      return;
    }
    // There is room in the window again.
    if (this.#queue.size > 0) this.#flush();
  }

  #ended(error: DougError): void {
    this.#owner.lost(this, error);
    this.#failAll(error);
  }

  #failAll(error: DougError): void {
    const queue = this.#queue;
    const sent = this.#sent;
    this.#reset();
    const loss = lossOf(error, this.address);
    sent.fail(loss);
    queue.each(({ origin }, slot) => {
      const isOpen = (queue.flags(slot) & DROPPED) === 0;
      if (isOpen) origin.failed(queue.originId(slot), null, loss.unsent);
    });
  }

  #reset(): void {
    this.#generation++;
    this.#connection = null;
    this.#isOpen = false;
    this.#isBlocked = false;
    this.#queue = new ItemQueue();
    // Ids go on: what another stream says of an old one must not meet a new one.
    this.#sent = new SentItems(this, this.#sent.nextId);
    this.#cancels = [];
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#connectTimer?.cancel();
    this.#connectTimer = null;
    this.#sweepTimer?.cancel();
    this.#sweepTimer = null;
  }

  #keepSweeping(): void {
    if (this.#sweepTimer !== null || this.openItems === 0) return;
    this.#sweepTimer = this.#ports.clock.setTimer(SWEEP_MS, () => {
      this.#sweepTimer = null;
      const nowMs = this.#ports.clock.monotonicMs();
      if (nowMs >= this.#dueMs) this.#expire(nowMs);
      if (this.isSilent && nowMs - this.#toldMs >= SILENCE_MS) {
        this.#toldMs = nowMs;
        this.#owner.silent(this);
      }
      this.#keepSweeping();
    });
  }

  /** Answers what is due; the rest says when to look again. */
  #expire(nowMs: number): void {
    const queue = this.#queue;
    let dueMs = this.#sent.expire(nowMs);
    if (dueMs === Number.NEGATIVE_INFINITY) {
      this.abandon(new DougError('IN_DOUBT', `${this.address} owes an answer for too long`));
      return;
    }
    queue.each(({ origin }, slot) => {
      if ((queue.flags(slot) & DROPPED) !== 0) return;
      const deadlineMs = queue.deadlineMs(slot);
      if (deadlineMs > nowMs) {
        dueMs = Math.min(dueMs, deadlineMs);
      } else {
        queue.drop(slot);
        origin.failed(queue.originId(slot), null, expired);
      }
    });
    this.#dueMs = dueMs;
  }

  // AnswerListener

  /** @internal */
  headers(headers: readonly ResponseHeader[]): void {
    this.#owner.headers(headers);
  }

  /** @internal */
  refused(
    partitionId: number,
    epochVersion: number,
    eventual: boolean,
    error: WireError,
  ): WireError {
    return this.#owner.refused(this, partitionId, epochVersion, eventual, error);
  }
}
