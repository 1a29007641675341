import { type Message, MessageType } from '@dougdb/raft-core';
import type { Transport } from '@dougdb/replica';
import type { IncomingLink, PeerChannel } from '../contract.js';
import type { AddressBook } from './address-book.js';
import { type IncomingContext, PeerStream } from './incoming-link.js';
import { type LinkContext, OutgoingLink } from './outgoing-link.js';

interface Pair {
  readonly control: OutgoingLink;
  readonly data: OutgoingLink;
}

/**
 * The links to and from all peers. Every append travels on the data channel, in order; everything
 * else on the control channel, so that no heartbeat or vote waits behind a big entry.
 */
export class Peers implements Transport {
  readonly #pairs = new Map<number, Pair>();
  readonly #book: AddressBook;

  constructor(context: LinkContext) {
    this.#book = context.book;
    for (const { nodeId } of context.self.record.nodes) {
      if (nodeId === context.self.node.nodeId) continue;
      this.#pairs.set(nodeId, {
        control: new OutgoingLink(context, nodeId, 'control'),
        data: new OutgoingLink(context, nodeId, 'data'),
      });
    }
  }

  start(): void {
    for (const pair of this.#pairs.values()) {
      pair.control.start();
      pair.data.start();
    }
  }

  send(toNodeId: number, partitionId: number, message: Message): void {
    const pair = this.#pairs.get(toNodeId);
    if (pair === undefined) return;
    // An empty append goes the same way as the full ones: if it overtook them, the follower would
    // see a gap and ask for everything in between a second time.
    const link = message.type === MessageType.MsgApp ? pair.data : pair.control;
    link.send(partitionId, message);
  }

  /** A peer said where it is reached. */
  learn(nodeId: number, advertise: string): void {
    if (!this.#book.learn(nodeId, advertise)) return;
    const pair = this.#pairs.get(nodeId);
    pair?.control.addressChanged();
    pair?.data.addressChanged();
  }

  close(): void {
    for (const pair of this.#pairs.values()) {
      pair.control.close();
      pair.data.close();
    }
  }
}

/** The streams that peers have opened to this node: at most one for each peer and channel. */
export class PeerStreams {
  readonly #context: IncomingContext;
  readonly #open = new Map<string, PeerStream>();
  readonly #strangers = new Set<PeerStream>();

  constructor(
    context: Omit<IncomingContext, 'onPeer'>,
    learn: (nodeId: number, advertise: string) => void,
  ) {
    this.#context = {
      ...context,
      onPeer: (nodeId, advertise, channel, stream) => {
        learn(nodeId, advertise);
        this.#known(nodeId, channel, stream);
      },
    };
  }

  accept(reply: (response: Uint8Array) => void, end: (error: unknown) => void): IncomingLink {
    const stream = new PeerStream(this.#context, reply, end);
    this.#strangers.add(stream);
    return {
      received: (request) => stream.received(request),
      closed: () => {
        stream.closed();
        this.#forget(stream);
      },
    };
  }

  close(): void {
    for (const stream of [...this.#open.values(), ...this.#strangers]) stream.end();
    this.#open.clear();
    this.#strangers.clear();
  }

  #known(nodeId: number, channel: PeerChannel, stream: PeerStream): void {
    const key = `${nodeId}/${channel}`;
    const older = this.#open.get(key);
    this.#strangers.delete(stream);
    this.#open.set(key, stream);
    older?.end();
  }

  #forget(stream: PeerStream): void {
    this.#strangers.delete(stream);
    for (const [key, open] of this.#open) if (open === stream) this.#open.delete(key);
  }
}
