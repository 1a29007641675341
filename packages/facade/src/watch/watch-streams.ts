import type { Clock, Random } from '@dougdb/ports';
import type { WatchCreate } from '@dougdb/rpc-proto';
import type { BackoffOptions } from '../backoff.js';
import { ShunnedAddresses } from '../routing/shunned-addresses.js';
import type { NodeTransport } from '../transport.js';
import { type OpenWatch, type WatchListener, WatchStream } from './watch-stream.js';

/** What the streams are made with. */
export interface WatchStreamsPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
}

/**
 * The streams of all watches of one client or facade: one to each address that serves some of them, apart
 * from the pipes, so that watches hold up no calls.
 */
export class WatchStreams {
  readonly #ports: WatchStreamsPorts;
  readonly #streams = new Map<string, WatchStream>();
  /** Addresses that watches keep away from. Those of pipes are another matter: pipes find out themselves. */
  readonly #shunned: ShunnedAddresses;

  constructor(ports: WatchStreamsPorts) {
    this.#ports = ports;
    this.#shunned = new ShunnedAddresses(ports.clock, ports.random, ports.backoff);
  }

  /** Streams that are open, or being opened. */
  get size(): number {
    return this.#streams.size;
  }

  /** Begins a watch at an address. No event is called before this returns. */
  open(address: string, create: Omit<WatchCreate, 'watchId'>, listener: WatchListener): OpenWatch {
    let stream = this.#streams.get(address);
    if (stream === undefined) {
      const { transport, clock } = this.#ports;
      stream = new WatchStream(address, {
        transport,
        clock,
        over: (over, error) => {
          if (this.#streams.get(address) === over) this.#streams.delete(address);
          if (error !== null) this.#shunned.add(address);
        },
      });
      this.#streams.set(address, stream);
    }
    return stream.open(create, listener);
  }

  /** Whether an address failed a moment ago. */
  isShunned(address: string): boolean {
    return this.#shunned.has(address);
  }

  /** An address is to be left alone for a while. */
  shun(address: string): void {
    this.#shunned.add(address);
  }

  /** An address has told something. */
  heard(address: string): void {
    this.#shunned.forgive(address);
  }

  /** Ends all streams; the watches on them are not told. */
  close(): void {
    for (const stream of [...this.#streams.values()]) stream.close();
    this.#streams.clear();
  }
}
