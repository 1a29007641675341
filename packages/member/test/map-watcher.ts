import { WatchMapRequest, WatchMapResponse } from '@dougdb/rpc-proto';
import type { TestNode } from './test-cluster.js';

/** One watch of the map, and what it was told. */
export class MapWatcher {
  readonly messages: WatchMapResponse[] = [];
  /** How it ended: null for well. */
  ended: { error: unknown } | null = null;
  readonly #abort = new AbortController();
  /** While it does not read, this many messages are under way. */
  unread = 0;
  #isSlow: boolean;
  #read: () => void = () => undefined;

  /** @param reader - 'slow': takes one message and reads no more until readOn() */
  constructor(
    node: TestNode,
    request: Partial<WatchMapRequest> = {},
    reader: 'fast' | 'slow' = 'fast',
  ) {
    this.#isSlow = reader === 'slow';
    const bytes = WatchMapRequest.encode({
      clusterId: new Uint8Array(0),
      sinceRevision: 0,
      ...request,
    }).finish();
    const output = { send: (response: Uint8Array) => this.#take(response) };
    node.member.watchMap(bytes, output, this.#abort.signal).then(
      () => {
        this.ended = { error: null };
      },
      (error: unknown) => {
        this.ended = { error };
      },
    );
  }

  /** Partition ids told, by message. */
  get partitions(): number[][] {
    return this.messages.map((m) => m.partitions.map(({ partitionId }) => partitionId));
  }

  /** The leader told last of each partition. */
  get leaders(): Map<number, number> {
    return new Map(
      this.messages.flatMap((m) => m.leaders.map((l) => [l.partitionId, l.leaderNodeId] as const)),
    );
  }

  /** The address told last of each node. */
  get addresses(): Map<number, string> {
    return new Map(
      this.messages.flatMap((m) => m.nodes.map((n) => [n.nodeId, n.address] as const)),
    );
  }

  get revision(): number {
    return this.messages.at(-1)?.revision ?? 0;
  }

  readOn(): void {
    this.#isSlow = false;
    this.#read();
  }

  hangUp(): void {
    this.#abort.abort();
    this.#read();
  }

  async #take(response: Uint8Array): Promise<void> {
    this.messages.push(WatchMapResponse.decode(response));
    if (!this.#isSlow) return;
    this.unread++;
    await new Promise<void>((resolve) => {
      this.#read = resolve;
    });
    this.unread--;
  }
}
