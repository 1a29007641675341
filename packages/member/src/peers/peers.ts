import { type Message, MessageType } from '@dougdb/raft-core';
import type { Transport } from '@dougdb/replica';
import type { IncomingLink, PeerChannel } from '../contract.js';
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

  constructor(context: LinkContext) {
    context.book.onMoved = (nodeId) => {
      const pair = this.#pairs.get(nodeId);
      pair?.control.addressChanged();
      pair?.data.addressChanged();
    };
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

  /** Whether messages to this node leave at once. */
  isConnected(nodeId: number): boolean {
    return this.#pairs.get(nodeId)?.control.connected ?? false;
  }

  /** Says to all peers whether this node is going down. */
  tellState(): void {
    for (const { control } of this.#pairs.values()) control.tellState();
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
  readonly #draining = new Set<number>();
  readonly #strangers = new Set<PeerStream>();

  constructor(
    context: Omit<IncomingContext, 'onPeer' | 'onState'>,
    heard: (nodeId: number, advertise: string) => void,
  ) {
    this.#context = {
      ...context,
      onPeer: (nodeId, advertise, channel, stream) => {
        heard(nodeId, advertise);
        this.#known(nodeId, channel, stream);
        // A new stream of a node that goes down says so at once.
        if (channel === 'control') this.#draining.delete(nodeId);
      },
      onState: (nodeId, { draining }) => {
        if (draining) this.#draining.add(nodeId);
        else this.#draining.delete(nodeId);
      },
    };
  }

  /** Whether the node said that it goes down. */
  isDraining(nodeId: number): boolean {
    return this.#draining.has(nodeId);
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
