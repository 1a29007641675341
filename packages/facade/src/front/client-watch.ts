import type { Clock, Timer } from '@dougdb/ports';
import {
  DougError,
  limits,
  type ResponseHeader,
  toWire,
  type WatchCreate,
  type WatchEvent,
  WatchResponse,
} from '@dougdb/rpc-proto';
import { isBelowEnd } from '../key-range.js';
import { pause } from '../pause.js';
import { RangeWatch } from '../watch/range-watch.js';
import type { WatchBatch } from '../watch/watch-batch.js';
import { clipped } from '../watch/watch-pieces.js';
import type { WatchPlan, WatchPorts } from '../watch/watch-plan.js';
import { decodeWatchToken } from '../watch/watch-token.js';

/**
 * What a facade holds of one node's watch for one client, in bytes, the last message aside. Little: what a client
 * has not taken is better kept by the node, which keeps it once for all.
 */
const HELD_BYTES = 128 << 10;
/** A client that could be told something and takes nothing for so long is told no more, in milliseconds. */
const LAG_MS = 30_000;
/** As nodes: a client hears something at least so often. It goes elsewhere after 10 s. */
const MARK_MS = 4_000;

/** What a watch of a client needs of its stream. */
export interface ClientWatchOutput {
  send(response: Uint8Array): void;
  /** Whether what was sent waits for a slow reader. */
  readonly isFull: boolean;
}

/** A watch of a client of a facade: one {@link RangeWatch} behind it, taken from as the client's credit allows. */
export class ClientWatch {
  readonly #watchId: number;
  readonly #clock: Clock;
  readonly #output: ClientWatchOutput;
  readonly #over: () => void;
  readonly #stop = new AbortController();
  readonly #range: RangeWatch;
  #credit: number;
  /** Of the last message: behind all that was sent, and not behind what waits for room. */
  #token: Uint8Array;
  #saidMs: number;
  #marks: Timer | null = null;
  #room: AbortController | null = null;
  #isOver = false;

  /**
   * Begins at once.
   * @param over - called once, unless it was closed from outside
   * @throws DougError INVALID_ARGUMENT, CLUSTER_MISMATCH
   */
  constructor(create: WatchCreate, ports: WatchPorts, output: ClientWatchOutput, over: () => void) {
    const plan = planOf(create, ports.router.finder.clusterId);
    this.#watchId = create.watchId;
    this.#clock = ports.clock;
    this.#output = output;
    this.#over = over;
    this.#token = new Uint8Array(create.token);
    this.#credit = create.creditBytes === 0 ? Number.POSITIVE_INFINITY : create.creditBytes;
    this.#saidMs = ports.clock.monotonicMs();
    this.#range = new RangeWatch(ports, plan, this.#stop.signal);
    void this.#run();
  }

  /** The client has taken events of so many bytes. */
  give(bytes: number): void {
    this.#credit += bytes;
    this.resume();
  }

  /** The output is not full any more. */
  resume(): void {
    if (this.#hasRoom) this.#room?.abort();
  }

  /** The client listens no more. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#marks?.cancel();
    this.#stop.abort();
    this.#room?.abort();
  }

  /** Ends it: the client is told why, and where to go on. */
  end(error: DougError): void {
    if (this.#isOver) return;
    this.close();
    this.#send({ token: this.#token, error });
  }

  get #hasRoom(): boolean {
    return this.#credit > 0 && !this.#output.isFull;
  }

  async #run(): Promise<void> {
    try {
      // From a token it is known where it begins, and one partition that cannot be reached holds up no others.
      if (this.#token.length === 0) await this.#range.created;
      if (this.#isOver) return;
      this.#send({ token: this.#range.token ?? nothing, created: true });
      this.#mark(MARK_MS);
      for (;;) {
        await this.#tell(await this.#range.next());
      }
    } catch (error) {
      if (this.#isOver) return;
      this.end(DougError.from(error, 'NOT_APPLIED'));
      this.#over();
    }
  }

  /** @throws DougError LAGGING */
  async #tell(batch: WatchBatch): Promise<void> {
    const { header, events, costBytes, token } = batch;
    // A mark that finds no room is not worth waiting for.
    if (events.length === 0 && this.#output.isFull) return;
    while (events.length > 0 && !this.#hasRoom && !this.#isOver) await this.#awaitRoom();
    if (this.#isOver) return;
    this.#credit -= costBytes;
    this.#send({ header, events, token, costBytes });
  }

  /** @throws DougError LAGGING when there is something to tell and no room for it for too long */
  async #awaitRoom(): Promise<void> {
    const fromMs = this.#clock.monotonicMs();
    this.#room = new AbortController();
    await pause(this.#clock, LAG_MS, this.#room.signal);
    this.#room = null;
    if (this.#hasRoom || this.#isOver) return;
    // Others on the stream may have been quicker: that is no reason to give up.
    if (this.#clock.monotonicMs() - fromMs < LAG_MS) return;
    throw new DougError('LAGGING', `nothing was taken for ${LAG_MS} ms`);
  }

  /** Says that it is there, when nothing else was said for a while: what was told is told up to the token. */
  #mark(delayMs: number): void {
    this.#marks = this.#clock.setTimer(delayMs, () => {
      const leftMs = this.#saidMs + MARK_MS - this.#clock.monotonicMs();
      if (leftMs <= 0 && !this.#output.isFull) this.#send({ token: this.#token });
      this.#mark(leftMs > 0 ? leftMs : MARK_MS);
    });
  }

  #send(told: {
    readonly token: Uint8Array;
    readonly header?: ResponseHeader | undefined;
    readonly events?: readonly WatchEvent[];
    readonly costBytes?: number;
    readonly created?: true;
    readonly error?: DougError;
  }): void {
    const { token, header, events = [], costBytes = 0, created = false, error } = told;
    this.#saidMs = this.#clock.monotonicMs();
    this.#token = token;
    const response: WatchResponse = {
      watchId: this.#watchId,
      header,
      events: [...events],
      token,
      created,
      error: error === undefined ? undefined : toWire(error),
      costBytes,
      more: [],
    };
    this.#output.send(WatchResponse.encode(response).finish());
  }
}

/** @throws DougError INVALID_ARGUMENT, CLUSTER_MISMATCH */
function planOf(create: WatchCreate, clusterId: Uint8Array): WatchPlan {
  // Copies: they live longer than the buffer of the request may.
  const start = new Uint8Array(create.start);
  const end = new Uint8Array(create.end);
  for (const { length } of [start, end]) {
    if (length > limits.keyBytes) throw invalid(`a bound of ${length} bytes is longer than a key`);
  }
  if (!isBelowEnd(start, end)) throw invalid('there is no key in the range of the watch');
  const { token, fromRevision, previous, noPuts, noDeletes } = create;
  if (token.length > 0 && fromRevision > 0) {
    throw invalid('a watch goes on from a token or from a revision, not both');
  }
  const from =
    token.length === 0 ? null : clipped(decodeWatchToken(token, clusterId).pieces, start, end);
  return { start, end, from, fromRevision, previous, noPuts, noDeletes, creditBytes: HELD_BYTES };
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}

const nothing = new Uint8Array(0);
