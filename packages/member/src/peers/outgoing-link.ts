import type { Clock, Logger, Random, Timer } from '@dougdb/ports';
import { entrySizeBytes, type Message, MessageType } from '@dougdb/raft-core';
import { encodeMessagesRequest, type PartitionMessage } from '@dougdb/replica';
import { fromWire, limits, MessagesRequest, MessagesResponse } from '@dougdb/rpc-proto';
import type { PeerChannel, PeerLink, PeerNetwork } from '../contract.js';
import { messageOf } from '../member-error.js';
import type { Membership } from '../membership.js';
import type { MemberTelemetry } from '../telemetry.js';
import type { AddressBook } from './address-book.js';
import { checkHandshake, makeHandshake } from './handshake.js';

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 1_000;
/** No answer to the handshake for so long: the other end is not there. */
const HANDSHAKE_TIMEOUT_MS = 2_000;
/** A batch is closed at this size: far below what a peer takes, so that one entry more still fits. */
const BATCH_BYTES = 4 << 20;
/** What a message without entries counts for. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** What all links of a member share. */
export interface LinkContext {
  readonly self: Membership;
  readonly advertise: string;
  readonly book: AddressBook;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: MemberTelemetry;
  /** Whether this node is going down: said on the control channel. */
  readonly isDraining: () => boolean;
  /** Messages to this node were dropped. Called on a later turn than the one that sent them. */
  readonly onUnreachable: (nodeId: number) => void;
}

/**
 * One stream to one peer on one channel. It connects by itself for as long as it lives, says who it
 * is, and sends nothing before the peer has answered well. Messages of one turn leave as one batch;
 * what cannot be queued is dropped and reported.
 */
export class OutgoingLink {
  readonly nodeId: number;
  readonly channel: PeerChannel;
  readonly #context: LinkContext;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #state: 'idle' | 'handshake' | 'open' | 'backoff' | 'closed' = 'idle';
  #link: PeerLink | null = null;
  /** Tells events of this link from those of one that was given up. */
  #generation = 0;
  #timer: Timer | null = null;
  #backoffMs = FIRST_BACKOFF_MS;
  #attempt = 0;
  #queue: PartitionMessage[] = [];
  #queueBytes = 0;
  #flushing = false;
  #reporting = false;
  #lastReason = '';

  constructor(context: LinkContext, nodeId: number, channel: PeerChannel) {
    this.#context = context;
    this.nodeId = nodeId;
    this.channel = channel;
    this.#maxMessages = channel === 'data' ? limits.peerDataMessages : limits.peerControlMessages;
    this.#maxBytes = channel === 'data' ? limits.peerDataBytes : limits.peerControlBytes;
  }

  get connected(): boolean {
    return this.#state === 'open';
  }

  start(): void {
    if (this.#state === 'idle') this.#connect();
  }

  /** Queues a message for the batch of this turn. */
  send(partitionId: number, message: Message): void {
    if (message.type === MessageType.MsgSnap) return; // no form on the wire yet
    const sizeBytes = messageBytes(message);
    const full =
      this.#queue.length >= this.#maxMessages || this.#queueBytes + sizeBytes > this.#maxBytes;
    if (full || (this.#state !== 'open' && this.#state !== 'handshake')) {
      this.#dropped(1);
      return;
    }
    this.#queue.push({ partitionId, message });
    this.#queueBytes += sizeBytes;
    if (this.#state === 'open') this.#scheduleFlush();
  }

  /** Says whether this node is going down. Without a connection it is said after the next handshake. */
  tellState(): void {
    if (this.#state !== 'open' || this.channel !== 'control') return;
    const value = { draining: this.#context.isDraining() };
    this.#link?.send(MessagesRequest.encode({ payload: { $case: 'state', value } }).finish());
  }

  /** The peer is reached elsewhere now: what is not connected tries there at once. */
  addressChanged(): void {
    this.#attempt = 0;
    if (this.#state !== 'backoff' && this.#state !== 'handshake') return;
    this.#giveUp();
    this.#connect();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#giveUp();
    this.#state = 'closed';
    this.#queue = [];
  }

  #connect(): void {
    const { book, network, clock, self, advertise } = this.#context;
    const candidates = book.candidates(this.nodeId);
    const address = candidates[this.#attempt++ % candidates.length] ?? '';
    const generation = ++this.#generation;
    this.#state = 'handshake';
    this.#timer = clock.setTimer(HANDSHAKE_TIMEOUT_MS, () =>
      this.#failed(address, 'no answer to the handshake'),
    );
    this.#link = network.openLink(address, this.channel, {
      received: (response) => {
        if (generation === this.#generation) this.#received(address, response);
      },
      closed: (error) => {
        if (generation === this.#generation) this.#failed(address, messageOf(error));
      },
    });
    const value = makeHandshake(self, advertise, this.channel, this.nodeId);
    this.#link.send(MessagesRequest.encode({ payload: { $case: 'handshake', value } }).finish());
  }

  #received(address: string, bytes: Uint8Array): void {
    let response: MessagesResponse;
    try {
      response = MessagesResponse.decode(bytes);
    } catch {
      this.#failed(address, 'the peer sent garbage');
      return;
    }
    switch (response.payload?.$case) {
      case 'handshake': {
        if (this.#state !== 'handshake') return;
        const checked = checkHandshake(this.#context.self, response.payload.value);
        if (typeof checked === 'string') this.#refused(address, checked);
        else if (checked.peer.nodeId !== this.nodeId) {
          this.#refused(address, `node ${checked.peer.nodeId} answers instead`);
        } else this.#opened(address, response.payload.value.advertise);
        return;
      }
      case 'error': {
        const { reason, message } = fromWire(response.payload.value);
        const passes = reason === 'STARTING' || reason === 'DRAINING';
        if (passes) this.#failed(address, message);
        else this.#refused(address, message);
        return;
      }
      default:
        this.#failed(address, 'the peer sent an unknown answer');
    }
  }

  #opened(address: string, advertise: string): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#state = 'open';
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#attempt = 0;
    this.#lastReason = '';
    const { logger, book } = this.#context;
    // It may have been reached by another of its addresses; it knows best which one to use.
    book.heard(this.nodeId, advertise);
    logger.info('peer.connected', { peer: this.nodeId, channel: this.channel, address });
    if (this.#context.isDraining()) this.tellState();
    if (this.#queue.length > 0) this.#scheduleFlush();
  }

  /** The peer, or whoever it was, does not want us: an operator should know. */
  #refused(address: string, reason: string): void {
    const { logger } = this.#context;
    if (reason !== this.#lastReason) {
      logger.warn('peer.refused', { peer: this.nodeId, channel: this.channel, address, reason });
    }
    this.#lastReason = reason;
    this.#backoffMs = LONGEST_BACKOFF_MS;
    this.#fail();
  }

  #failed(address: string, reason: string): void {
    const { logger } = this.#context;
    if (this.#state === 'open' || reason !== this.#lastReason) {
      logger.info('peer.lost', { peer: this.nodeId, channel: this.channel, address, reason });
    }
    this.#lastReason = reason;
    this.#fail();
  }

  #fail(): void {
    const { clock, random } = this.#context;
    this.#giveUp();
    this.#state = 'backoff';
    this.#dropped(this.#queue.length);
    this.#queue = [];
    this.#queueBytes = 0;
    // Spread: peers that were cut off together do not come back together.
    const delayMs = this.#backoffMs * (0.8 + 0.4 * random.next());
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
    this.#timer = clock.setTimer(delayMs, () => this.#connect());
  }

  #giveUp(): void {
    this.#generation++;
    this.#timer?.cancel();
    this.#timer = null;
    this.#link?.close();
    this.#link = null;
  }

  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context.clock.defer(() => {
      this.#flushing = false;
      if (this.#state === 'open') this.#flush();
    });
  }

  #flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    let start = 0;
    let sizeBytes = 0;
    for (let at = 0; at < queue.length; at++) {
      const itemBytes = messageBytes((queue[at] as PartitionMessage).message);
      if (at > start && sizeBytes + itemBytes > BATCH_BYTES) {
        this.#sendBatch(queue.slice(start, at));
        start = at;
        sizeBytes = 0;
      }
      sizeBytes += itemBytes;
    }
    if (start < queue.length) this.#sendBatch(start === 0 ? queue : queue.slice(start));
  }

  #sendBatch(batch: readonly PartitionMessage[]): void {
    const bytes = encodeMessagesRequest(batch);
    if (this.#link?.send(bytes) === true) {
      this.#context.telemetry.peerSentBytes.add(bytes.length, { channel: this.channel });
    } else {
      this.#dropped(batch.length);
    }
  }

  #dropped(count: number): void {
    if (count === 0) return;
    this.#context.telemetry.peerDropped.add(count, { channel: this.channel });
    if (this.#reporting) return;
    // Not at once: the replica that sends is in the middle of its own turn.
    this.#reporting = true;
    this.#context.clock.defer(() => {
      this.#reporting = false;
      if (this.#state !== 'closed') this.#context.onUnreachable(this.nodeId);
    });
  }
}

function messageBytes(message: Message): number {
  let sizeBytes = MESSAGE_OVERHEAD_BYTES;
  for (const entry of message.entries) sizeBytes += entrySizeBytes(entry);
  return sizeBytes;
}
