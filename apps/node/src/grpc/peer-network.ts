import type { PeerChannel, PeerLink, PeerLinkEvents, PeerNetwork } from '@dougdb/member';
import { limits } from '@dougdb/rpc-proto';
import {
  CountedWrites,
  channelOptionsFor,
  fromGrpcError,
  genesisService,
  peerMessageBytes,
  raftService,
} from '@dougdb/rpc-proto/node';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

const GENESIS_METHODS = { Ask: genesisService.ask, Offer: genesisService.offer } as const;

/**
 * Members reach each other by gRPC. Every link has a connection of its own, so that control messages
 * never wait in the send buffer of appends; a link that ended takes its connection with it.
 */
export class GrpcPeerNetwork implements PeerNetwork {
  readonly #genesis = new Map<string, Client>();
  readonly #links = new Set<GrpcPeerLink>();

  openLink(address: string, channel: PeerChannel, events: PeerLinkEvents): PeerLink {
    const link: GrpcPeerLink = new GrpcPeerLink(connect(address), channel, events, () =>
      this.#links.delete(link),
    );
    this.#links.add(link);
    return link;
  }

  genesis(
    address: string,
    method: 'Ask' | 'Offer',
    request: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const { path, requestSerialize, responseDeserialize } = GENESIS_METHODS[method];
    const client = this.#genesisClient(address);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: Uint8Array) => {
          if (response !== undefined) resolve(response);
          else reject(fromGrpcError(error, { kind: 'write' }));
        },
      );
    });
  }

  close(): void {
    for (const client of this.#genesis.values()) client.close();
    for (const link of [...this.#links]) link.close();
    this.#genesis.clear();
  }

  #genesisClient(address: string): Client {
    const known = this.#genesis.get(address);
    if (known !== undefined) return known;
    const client = connect(address);
    this.#genesis.set(address, client);
    return client;
  }
}

class GrpcPeerLink implements PeerLink {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;
  readonly #writes: CountedWrites;
  readonly #capBytes: number;
  readonly #onClosed: () => void;
  #open = true;

  constructor(client: Client, channel: PeerChannel, events: PeerLinkEvents, onClosed: () => void) {
    const { path, requestSerialize, responseDeserialize } = raftService.messages;
    this.#client = client;
    this.#capBytes = channel === 'data' ? limits.peerDataBytes : limits.peerControlBytes;
    this.#onClosed = onClosed;
    this.#call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#writes = new CountedWrites(this.#call);
    this.#call.on('data', (response: Uint8Array) => {
      if (this.#open) events.received(response);
    });
    this.#call.on('error', (error) => this.#ended(events, fromGrpcError(error, { kind: 'write' })));
    this.#call.on('end', () => this.#ended(events, new Error('the peer ended the stream')));
  }

  send(request: Uint8Array): boolean {
    if (!this.#open || this.#writes.queuedBytes > this.#capBytes) return false;
    this.#writes.write(request);
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#call.cancel();
    this.#client.close();
    this.#onClosed();
  }

  #ended(events: PeerLinkEvents, error: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#client.close();
    this.#onClosed();
    events.closed(error);
  }
}

function connect(address: string): Client {
  const options = channelOptionsFor(limits, peerMessageBytes());
  return new Client(address, credentials.createInsecure(), options);
}
