import type { NodeTransport, PipeConnection, PipeEvents } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';

import type { FakeCluster } from './fake-cluster.js';

/** One client's way to a {@link FakeCluster}. Closing it ends what this client has open, and nothing else. */
export class FakeTransport implements NodeTransport {
  readonly #cluster: FakeCluster;
  readonly #stop = new AbortController();
  readonly #pipes = new Set<PipeConnection>();

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }

  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const signals = signal === undefined ? [this.#stop.signal] : [this.#stop.signal, signal];
    return this.#cluster.unary(address, path, request, timeoutMs, AbortSignal.any(signals));
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    return this.#open(events, (own) => this.#cluster.openPipe(address, own));
  }

  openStream(address: string, path: string, events: PipeEvents): PipeConnection {
    return this.#open(events, (own) => this.#cluster.openStream(address, path, own));
  }

  stream(
    address: string,
    path: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const both = AbortSignal.any([this.#stop.signal, signal]);
    return this.#cluster.stream(address, path, request, both);
  }

  close(): void {
    this.#stop.abort();
    for (const pipe of this.#pipes) pipe.close();
    this.#pipes.clear();
  }

  #open(events: PipeEvents, begin: (own: PipeEvents) => PipeConnection): PipeConnection {
    if (this.#stop.signal.aborted) throw new DougError('CLOSED', 'the transport is closed');
    const pipe = begin({
      ...events,
      opened: () => events.opened(),
      closed: (error) => {
        this.#pipes.delete(pipe);
        events.closed(error);
      },
    });
    this.#pipes.add(pipe);
    return pipe;
  }
}
