import type { ClientTransport, PipeConnection, PipeEvents } from '@dougdb/client/core';
import { DougError } from '@dougdb/rpc-proto';
import type { SimNetwork, StreamKind } from './sim-network.js';

/** Carries a client's calls over the simulated network. Scans are not simulated. */
export class SimClientTransport implements ClientTransport {
  readonly #network: SimNetwork;
  readonly #from: string;

  constructor(network: SimNetwork, from: string) {
    this.#network = network;
    this.#from = from;
  }

  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return this.#network.unary(this.#from, address, path, request.slice(), timeoutMs);
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    return this.#open('pipe', address, events);
  }

  openStream(address: string, _path: string, events: PipeEvents): PipeConnection {
    return this.#open('watch', address, events);
  }

  stream(): AsyncIterable<Uint8Array> {
    throw new DougError('UNIMPLEMENTED', 'streams of answers are not simulated');
  }

  close(): void {}

  #open(kind: StreamKind, address: string, events: PipeEvents): PipeConnection {
    let open = true;
    const link = this.#network.open(kind, this.#from, address, {
      opened: () => {
        if (open) events.opened();
      },
      received: (response) => {
        if (open) events.received(response);
      },
      closed: (error) => {
        if (!open) return;
        open = false;
        events.closed(error);
      },
    });
    return {
      send: (request) => {
        link.send(request);
        return true;
      },
      close: () => {
        open = false;
        link.close();
      },
    };
  }
}
