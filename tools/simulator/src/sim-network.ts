import type { IncomingLink, PeerLink } from '@dougdb/member';
import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import { Links } from './links.js';
import type { Trace } from './trace.js';

/** 'peer': dougdb.raft.v1.Raft/Messages. 'pipe' and 'watch': dougdb.v1.Doug/Pipe and Watch. */
export type StreamKind = 'peer' | 'pipe' | 'watch';

/** What the side that opened a stream hears. */
export interface StreamEvents {
  opened?(): void;
  received(response: Uint8Array): void;
  closed(error: DougError): void;
}

/** What answers at an address while its process runs. */
export interface Listener {
  accept(
    kind: StreamKind,
    reply: (response: Uint8Array) => void,
    end: (error: unknown) => void,
  ): IncomingLink;
  unary(path: string, request: Uint8Array, deadlineMs: number): Promise<Uint8Array>;
}

export interface NetworkOptions {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  /** One-way delay: this much at least ... */
  readonly minDelayMs: number;
  /** ... and exponentially distributed beyond it with this mean. */
  readonly meanExtraDelayMs: number;
  /** How long a stream over a cut link lives before both ends learn of it. */
  readonly detectCutMs: number;
  /** Of messages between members: lost, as if the sender's queue had been full. Not the first of a stream. */
  readonly peerLoss: number;
  /** Of messages of any stream: the connection breaks, and what is on its way in it is lost. */
  readonly breaks: number;
  /** Of calls: the request or the answer is lost. */
  readonly callLoss: number;
  readonly trace: Trace;
}

/** Counts of what became of messages. */
export interface NetworkCounts {
  peerLost: number;
  streamsBroken: number;
  callsLost: number;
}

/**
 * Streams between addresses as TCP gives them: in order, delayed, whole until they break. A cut (one
 * way or both) loses what is sent and breaks the streams after a while; a dead process breaks them at once.
 */
export class SimNetwork {
  readonly #options: NetworkOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly links = new Links();
  readonly counts: NetworkCounts = { peerLost: 0, streamsBroken: 0, callsLost: 0 };
  readonly #leftMs = new WeakMap<Uint8Array, number>();
  /** Whether anything is lost by chance: not before the cluster stands, and not when it has healed. */
  isLossy = false;
  readonly #streams = new Set<SimStream>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
  }

  /** The process at this address is gone: its streams break as the peers' systems notice. */
  kill(address: string): void {
    this.#listeners.delete(address);
    for (const stream of [...this.#streams]) {
      if (stream.from === address || stream.to === address) stream.breakNow(address);
    }
  }

  /** Loses everything from one address to the other until what is answered is called. */
  cut(from: string, to: string): () => void {
    const undo = this.links.cut(from, to);
    for (const stream of [...this.#streams]) {
      const between =
        (stream.from === from && stream.to === to) || (stream.from === to && stream.to === from);
      if (!between) continue;
      this.later(this.#options.detectCutMs, () => {
        if (this.isCut(from, to)) stream.breakNow(null);
      });
    }
    return undo;
  }

  /** Cuts an address off from all others, both ways. */
  isolate(address: string, others: readonly string[]): () => void {
    const undone = others
      .filter((other) => other !== address)
      .flatMap((other) => [this.cut(address, other), this.cut(other, address)]);
    return () => {
      for (const undo of undone) undo();
    };
  }

  /** Breaks every stream of an address; new ones can be opened at once. */
  breakStreams(address: string): void {
    for (const stream of [...this.#streams]) {
      if (stream.from === address || stream.to === address) stream.breakNow(null);
    }
  }

  /** Nothing is wrong any more from now on. */
  heal(): void {
    this.links.heal();
    this.isLossy = false;
  }

  isCut(from: string, to: string): boolean {
    return this.links.isCut(from, to);
  }

  open(kind: StreamKind, from: string, to: string, events: StreamEvents): PeerLink {
    const stream = new SimStream(this, kind, from, to, events);
    this.#streams.add(stream);
    stream.connect();
    return stream;
  }

  /** One request and one answer; either may be lost, which the caller sees as unavailable. */
  unary(
    from: string,
    to: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const { scheduler } = this.#options;
    return new Promise((resolve, reject) => {
      let done = false;
      const finish = (run: () => void): void => {
        if (done) return;
        done = true;
        timer.cancel();
        run();
      };
      const timer = scheduler.schedule(timeoutMs, () =>
        finish(() => reject(unavailable(`no answer from ${to} within ${timeoutMs} ms`))),
      );
      this.later(this.delayMs(from, to), () => {
        const listener = this.#listeners.get(to);
        if (this.isCut(from, to) || this.#losesCall()) return;
        this.#options.trace.message(from, to, request);
        if (listener === undefined) {
          finish(() => reject(unavailable(`nobody listens on ${to}`)));
          return;
        }
        const answer = listener.unary(path, request, timeoutMs);
        const back = (run: () => void): void => {
          if (this.#losesCall()) return;
          this.later(this.delayMs(to, from), () => {
            if (!this.isCut(to, from) && this.#listeners.get(to) === listener) finish(run);
          });
        };
        answer.then(
          (response) => {
            this.#leftMs.set(response, this.nowMs);
            back(() => resolve(response));
          },
          (error: unknown) => back(() => reject(error)),
        );
      });
    });
  }

  /** When the answer of a call left. */
  leftMs(response: Uint8Array): number {
    return this.#leftMs.get(response) ?? 0;
  }

  /** @internal */
  listenerAt(address: string): Listener | undefined {
    return this.#listeners.get(address);
  }

  /** @internal */
  forget(stream: SimStream): void {
    this.#streams.delete(stream);
  }

  /** @internal */
  later(delayMs: number, run: () => void): void {
    this.#options.scheduler.schedule(delayMs, run);
  }

  /** @internal */
  get nowMs(): number {
    return this.#options.scheduler.nowMs;
  }

  /** @internal */
  delayMs(from: string, to: string): number {
    const { random, minDelayMs, meanExtraDelayMs } = this.#options;
    const slowMs = this.links.slowMs(from, to);
    return slowMs + minDelayMs - meanExtraDelayMs * Math.log(1 - random.next());
  }

  /** @internal a message of a stream between members is lost */
  losesMessage(): boolean {
    const { random, peerLoss } = this.#options;
    if (!this.isLossy || peerLoss === 0 || !random.chance(peerLoss)) return false;
    this.counts.peerLost++;
    return true;
  }

  /** @internal a stream breaks */
  breaksStream(): boolean {
    const { random, breaks } = this.#options;
    if (!this.isLossy || breaks === 0 || !random.chance(breaks)) return false;
    this.counts.streamsBroken++;
    return true;
  }

  /** @internal */
  arrives(from: string, to: string, bytes: Uint8Array): void {
    this.#options.trace.message(from, to, bytes);
  }

  #losesCall(): boolean {
    const { random, callLoss } = this.#options;
    if (!this.isLossy || callLoss === 0 || !random.chance(callLoss)) return false;
    this.counts.callsLost++;
    return true;
  }
}

class SimStream implements PeerLink {
  readonly from: string;
  readonly to: string;
  readonly #network: SimNetwork;
  readonly #kind: StreamKind;
  readonly #events: StreamEvents;
  #incoming: IncomingLink | null = null;
  #waiting: Uint8Array[] | null = [];
  #open = true;
  #sent = 0;
  #lastThereMs = 0;
  #lastBackMs = 0;

  constructor(
    network: SimNetwork,
    kind: StreamKind,
    from: string,
    to: string,
    events: StreamEvents,
  ) {
    this.#network = network;
    this.#kind = kind;
    this.from = from;
    this.to = to;
    this.#events = events;
  }

  connect(): void {
    this.#network.later(this.#network.delayMs(this.from, this.to), () => {
      if (!this.#open) return;
      const listener = this.#network.listenerAt(this.to);
      if (listener === undefined || this.#network.isCut(this.from, this.to)) {
        this.breakNow(null);
        return;
      }
      this.#incoming = listener.accept(
        this.#kind,
        (response) => this.#back(response),
        (error) => this.#end(error),
      );
      this.#lastBackMs = this.#network.nowMs + this.#network.delayMs(this.to, this.from);
      this.#network.later(this.#lastBackMs - this.#network.nowMs, () => this.#connected());
    });
  }

  /** Nothing leaves before the opener knows of the connection: what it sent earlier had no effect. */
  #connected(): void {
    if (!this.#open) return;
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.#events.opened?.();
    for (const request of waiting) this.#there(request);
  }

  send(request: Uint8Array): boolean {
    if (!this.#open) return false;
    const copy = request.slice();
    if (this.#waiting !== null) this.#waiting.push(copy);
    else this.#there(copy);
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#shut();
    this.#network.later(this.#network.delayMs(this.from, this.to), () => this.#incoming?.closed());
  }

  /** The stream ends for whoever still lives; `dead` is the side that no longer exists. */
  breakNow(dead: string | null): void {
    if (!this.#open) return;
    this.#shut();
    if (dead !== this.to) {
      this.#network.later(this.#network.delayMs(this.from, this.to), () =>
        this.#incoming?.closed(),
      );
    }
    if (dead !== this.from) {
      const error = unavailable(`the stream to ${this.to} broke`);
      this.#network.later(this.#network.delayMs(this.to, this.from), () =>
        this.#events.closed(error),
      );
    }
  }

  #there(request: Uint8Array): void {
    if (this.#network.isCut(this.from, this.to)) return;
    const isFirst = this.#sent++ === 0;
    if (!isFirst && this.#kind === 'peer' && this.#network.losesMessage()) return;
    if (!isFirst && this.#network.breaksStream()) {
      this.breakNow(null);
      return;
    }
    const delayMs = this.#network.delayMs(this.from, this.to);
    this.#lastThereMs = Math.max(this.#lastThereMs, this.#network.nowMs + delayMs);
    this.#network.later(this.#lastThereMs - this.#network.nowMs, () => {
      if (!this.#open) return;
      this.#network.arrives(this.from, this.to, request);
      this.#incoming?.received(request);
    });
  }

  #back(response: Uint8Array): void {
    if (!this.#open || this.#network.isCut(this.to, this.from)) return;
    const copy = response.slice();
    if (this.#kind === 'pipe' && this.#network.breaksStream()) {
      this.breakNow(null);
      return;
    }
    const delayMs = this.#network.delayMs(this.to, this.from);
    this.#lastBackMs = Math.max(this.#lastBackMs, this.#network.nowMs + delayMs);
    this.#network.later(this.#lastBackMs - this.#network.nowMs, () => {
      if (!this.#open) return;
      this.#network.arrives(this.to, this.from, copy);
      this.#events.received(copy);
    });
  }

  #end(error: unknown): void {
    if (!this.#open) return;
    this.#shut();
    const reason = DougError.is(error) ? error : unavailable(String(error));
    this.#network.later(this.#network.delayMs(this.to, this.from), () =>
      this.#events.closed(reason),
    );
  }

  #shut(): void {
    this.#open = false;
    this.#network.forget(this);
  }
}

function unavailable(message: string): DougError {
  return new DougError('IN_DOUBT', message);
}
