import type { SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import type { IncomingLink, PeerLink, PeerLinkEvents, PeerNetwork } from '../src/index.js';

const DELAY_MS = 0.2;

/** What answers at an address. */
export interface Listener {
  acceptLink(reply: (response: Uint8Array) => void, end: (error: unknown) => void): IncomingLink;
  genesis(method: 'Ask' | 'Offer', request: Uint8Array): Promise<Uint8Array>;
}

/** Streams and calls between members on virtual time, in order, whole until one end is gone. */
export class MemoryNetwork {
  readonly #scheduler: SimScheduler;
  readonly #listeners = new Map<string, Listener>();
  readonly #links = new Set<MemoryLink>();
  readonly #cut = new Set<string>();

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  /** The network as one member sees it. */
  from(address: string): PeerNetwork {
    return {
      openLink: (to, _channel, events) => {
        const link = new MemoryLink(this, address, to, events);
        this.#links.add(link);
        this.later(() => link.connect());
        return link;
      },
      genesis: (to, method, request, timeoutMs) =>
        this.#call(address, to, method, request.slice(), timeoutMs),
    };
  }

  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
  }

  /** Nobody listens there any more; streams from and to it break. */
  kill(address: string): void {
    this.#listeners.delete(address);
    for (const link of [...this.#links]) {
      if (link.from === address || link.to === address) link.break(address);
    }
  }

  /** Nothing passes between these two. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`);
    this.#cut.add(`${b} ${a}`);
    for (const link of [...this.#links]) {
      if (!this.reaches(link.from, link.to)) link.break(null);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Open streams. */
  get linkCount(): number {
    return this.#links.size;
  }

  reaches(from: string, to: string): boolean {
    return !this.#cut.has(`${from} ${to}`);
  }

  listener(from: string, to: string): Listener | undefined {
    return this.reaches(from, to) ? this.#listeners.get(to) : undefined;
  }

  later(run: () => void): void {
    this.#scheduler.schedule(DELAY_MS, run);
  }

  forget(link: MemoryLink): void {
    this.#links.delete(link);
  }

  #call(
    from: string,
    to: string,
    method: 'Ask' | 'Offer',
    request: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const timer = this.#scheduler.schedule(timeoutMs, () => reject(gone(to)));
      this.later(() => {
        const listener = this.listener(from, to);
        if (listener === undefined) {
          timer.cancel();
          reject(gone(to));
          return;
        }
        const answered = (settle: () => void): void =>
          this.later(() => {
            // A process that died in between does not answer.
            if (this.listener(from, to) !== listener) return;
            timer.cancel();
            settle();
          });
        listener.genesis(method, request).then(
          (response) => answered(() => resolve(response)),
          (error: unknown) => answered(() => reject(error)),
        );
      });
    });
  }
}

class MemoryLink implements PeerLink {
  readonly from: string;
  readonly to: string;
  readonly #network: MemoryNetwork;
  readonly #events: PeerLinkEvents;
  #incoming: IncomingLink | null = null;
  #early: Uint8Array[] = [];
  #open = true;

  constructor(network: MemoryNetwork, from: string, to: string, events: PeerLinkEvents) {
    this.#network = network;
    this.from = from;
    this.to = to;
    this.#events = events;
  }

  connect(): void {
    if (!this.#open) return;
    const listener = this.#network.listener(this.from, this.to);
    if (listener === undefined) {
      this.break(null);
      return;
    }
    this.#incoming = listener.acceptLink(
      (response) => {
        const copy = response.slice();
        this.#network.later(() => {
          if (this.#open) this.#events.received(copy);
        });
      },
      (error) =>
        this.#network.later(() => {
          if (this.#close()) this.#events.closed(error);
        }),
    );
    for (const request of this.#early) this.#deliver(request);
  }

  send(request: Uint8Array): boolean {
    if (!this.#open) return false;
    if (this.#incoming === null) this.#early.push(request.slice());
    else this.#deliver(request.slice());
    return true;
  }

  close(): void {
    if (this.#close()) this.#network.later(() => this.#incoming?.closed());
  }

  /** Ends the stream for whoever still lives. */
  break(dead: string | null): void {
    if (!this.#close()) return;
    if (dead !== this.to) this.#network.later(() => this.#incoming?.closed());
    if (dead !== this.from) this.#network.later(() => this.#events.closed(gone(this.to)));
  }

  #deliver(request: Uint8Array): void {
    this.#network.later(() => {
      if (this.#open) this.#incoming?.received(request);
    });
  }

  #close(): boolean {
    const wasOpen = this.#open;
    this.#open = false;
    this.#network.forget(this);
    return wasOpen;
  }
}

function gone(address: string): DougError {
  return new DougError('IN_DOUBT', `nobody answers at ${address}`);
}
