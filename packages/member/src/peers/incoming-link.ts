import type { Logger } from '@dougdb/ports';
import type { Message } from '@dougdb/raft-core';
import { messagesOfBatch, type PartitionMessage } from '@dougdb/replica';
import {
  DougError,
  decodeRequest,
  MessagesRequest,
  MessagesResponse,
  type NodeState,
  toWire,
} from '@dougdb/rpc-proto';
import type { IncomingLink, PeerChannel } from '../contract.js';
import { messageOf } from '../member-error.js';
import type { Membership } from '../membership.js';
import type { MemberTelemetry } from '../telemetry.js';
import { checkHandshake, makeHandshake } from './handshake.js';

export interface IncomingContext {
  readonly advertise: string;
  readonly logger: Logger;
  readonly telemetry: MemberTelemetry;
  /** Null while this node belongs to no cluster. */
  readonly self: () => Membership | null;
  readonly deliver: (fromNodeId: number, partitionId: number, message: Message) => void;
  /** A peer has said a good handshake on this link. */
  readonly onPeer: (
    nodeId: number,
    advertise: string,
    channel: PeerChannel,
    link: PeerStream,
  ) => void;
  readonly onState: (nodeId: number, state: NodeState) => void;
}

/**
 * One stream from a peer. Nothing of it is believed before its handshake has been found good, and
 * nothing after the first thing that was not.
 */
export class PeerStream implements IncomingLink {
  readonly #context: IncomingContext;
  readonly #reply: (response: Uint8Array) => void;
  readonly #end: (error: unknown) => void;
  /** 0 until the handshake was found good. */
  #peerNodeId = 0;
  #ended = false;

  constructor(
    context: IncomingContext,
    reply: (response: Uint8Array) => void,
    end: (error: unknown) => void,
  ) {
    this.#context = context;
    this.#reply = reply;
    this.#end = end;
  }

  received(request: Uint8Array): void {
    if (this.#ended) return;
    try {
      if (this.#peerNodeId === 0) this.#handshake(request);
      else this.#batch(request);
    } catch (error) {
      this.#refuse(DougError.from(error));
    }
  }

  closed(): void {
    this.#ended = true;
  }

  /** Ends the stream because a newer one of the same peer and channel took its place, or on close. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end(new DougError('DRAINING', 'the stream was replaced or the node is stopping'));
  }

  #handshake(request: Uint8Array): void {
    const self = this.#context.self();
    if (self === null) throw new DougError('STARTING', 'this node belongs to no cluster yet');
    const { payload } = decodeRequest(MessagesRequest, request);
    if (payload?.$case !== 'handshake') {
      throw new DougError('INVALID_ARGUMENT', 'a stream begins with a handshake');
    }
    const checked = checkHandshake(self, payload.value);
    if (typeof checked === 'string') throw new DougError('CLUSTER_MISMATCH', checked);
    const { peer, channel } = checked;
    this.#peerNodeId = peer.nodeId;
    const value = makeHandshake(self, this.#context.advertise, channel, peer.nodeId);
    this.#reply(MessagesResponse.encode({ payload: { $case: 'handshake', value } }).finish());
    this.#context.onPeer(peer.nodeId, payload.value.advertise, channel, this);
  }
  #batch(request: Uint8Array): void {
    const { telemetry, deliver, onState } = this.#context;
    telemetry.peerReceivedBytes.add(request.length);
    const { state, messages } = decodeRequestOfPeer(request);
    if (state !== null) onState(this.#peerNodeId, state);
    for (const { partitionId, message } of messages) {
      deliver(this.#peerNodeId, partitionId, message);
    }
  }

  /** Ends the stream with a definite error. */
  #refuse(error: DougError): void {
    if (this.#ended) return;
    this.#ended = true;
    const { logger, telemetry } = this.#context;
    const fields = { code: error.reason, reason: messageOf(error) };
    // A peer that is a moment ahead of this node comes again; the rest an operator should see.
    if (error.reason === 'STARTING') logger.debug('peer.stream.early', fields);
    else {
      telemetry.handshakeRefused.add(1);
      logger.warn('peer.stream.refused', fields);
    }
    this.#reply(
      MessagesResponse.encode({ payload: { $case: 'error', value: toWire(error) } }).finish(),
    );
    this.#end(error);
  }
}

/** @throws DougError INVALID_ARGUMENT: nothing of such a batch is taken */
function decodeRequestOfPeer(request: Uint8Array): {
  state: NodeState | null;
  messages: readonly PartitionMessage[];
} {
  let payload: MessagesRequest['payload'];
  try {
    ({ payload } = MessagesRequest.decode(request));
    if (payload?.$case === 'batch')
      return { state: null, messages: messagesOfBatch(payload.value) };
    if (payload?.$case === 'state') return { state: payload.value, messages: [] };
  } catch (cause) {
    throw new DougError('INVALID_ARGUMENT', messageOf(cause), { cause });
  }
  throw new DougError('INVALID_ARGUMENT', 'only batches and states follow a handshake');
}
