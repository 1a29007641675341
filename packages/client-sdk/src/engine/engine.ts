import {
  crossPartition,
  mayHaveApplied,
  type NodeTransport,
  Router,
  type RouterPorts,
  reactTo,
  WatchStreams,
} from '@dougdb/facade';
import type { Clock, Random } from '@dougdb/ports';
import {
  type CodeName,
  DougError,
  fromWire,
  PIPE_ITEM_TIMEOUT_MS,
  type ResponseHeader,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import type { Settings } from '../options.js';
import type { Look } from '../writes.js';
import { type Abortable, AbortWatch } from './abort-watch.js';
import type { BodyResult } from './body.js';
import { CallOrder } from './call-order.js';
import { DeadlineQueue } from './deadline-queue.js';
import { aborted, closed, refused, timedOut } from './failures.js';
import { NodePipe } from './node-pipe.js';
import { type LookedAnswer, type Operation, Place } from './operation.js';
import { Partitions } from './partitions.js';
import { PendingLimit } from './pending-limit.js';
import type { PipeOwner, PipePorts } from './pipe-owner.js';
import { SilentPipes } from './silent-pipes.js';

/** Counts since the client was made. */
export interface EngineCounters {
  /** How often an operation was sent again. */
  readonly retries: number;
  /** Pipe streams that were lost. */
  readonly streamsLost: number;
}

/** Attempts without a pause between them, for one operation in a row. */
const maxHasty = 3;

/** A map that is merely behind is asked for no more often than this. */
const REFRESH_MS = 1_000;

/** Ends of a stream that a new stream would not mend. */
const hopeless: ReadonlySet<CodeName> = new Set([
  'CLUSTER_MISMATCH',
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
]);

/**
 * Carries operations to the nodes that can serve them, again and again until one has answered, the time
 * is up or the caller gives up. The rules are safety.md S16 and S17; the order of calls on one key is
 * kept by {@link CallOrder}.
 */
export class Engine implements PipeOwner {
  readonly clock: Clock;
  readonly transport: NodeTransport;
  readonly settings: Settings;
  readonly router: Router;
  readonly random: Random;
  readonly signals = new AbortWatch();
  /** What ends with the client beside the operations. */
  readonly dependents = new Set<Abortable>();
  readonly limit: PendingLimit;
  /** The streams of watches, which are none of the pipes. */
  readonly watches: WatchStreams;
  readonly #deadlines: DeadlineQueue<Operation>;
  readonly #order = new CallOrder((op) => this.#dispatch(op));
  readonly #pipes = new Map<string, NodePipe>();
  readonly #pipePorts: PipePorts;
  readonly #partitions: Partitions;
  readonly #onAbort = (op: Operation): void => this.#giveUp(op, 'aborted');
  readonly #silent: SilentPipes;
  #serial = 0;
  #message = 0;
  #retries = 0;
  #streamsLost = 0;
  #refreshAgainMs = 0;
  #closed = false;

  constructor(ports: RouterPorts, settings: Settings) {
    this.clock = ports.clock;
    this.transport = ports.transport;
    this.settings = settings;
    this.random = ports.random;
    this.limit = new PendingLimit(settings.pendingLimit);
    this.watches = new WatchStreams({ ...ports, backoff: settings.backoff });
    this.#deadlines = new DeadlineQueue(ports.clock, (op, timeoutMs) =>
      this.#giveUp(op, 'timed out', timeoutMs),
    );
    this.#partitions = new Partitions({
      clock: ports.clock,
      random: ports.random,
      backoff: settings.backoff,
      release: (waiting) => {
        for (const op of waiting) this.#dispatch(op);
      },
    });
    this.router = new Router(ports, settings, {
      logTime: (partitionId, logTime) => this.#partitions.sawLogTime(partitionId, logTime),
      described: () => this.#silent.leave(),
      reachable: () => this.#partitions.openGates(),
    });
    this.#silent = new SilentPipes(this.router, (op, error) => this.#retry(op, error));
    this.#pipePorts = {
      transport: ports.transport,
      clock: ports.clock,
      nextMessage: () => ++this.#message,
      clusterId: () => this.router.finder.clusterId,
    };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get counters(): EngineCounters {
    return { retries: this.#retries, streamsLost: this.#streamsLost };
  }

  /**
   * Takes a call. Its promise is settled within timeoutMs, whatever happens.
   * @throws DougError BUSY, CLOSED, ABORTED: it was not taken
   */
  submit(op: Operation, timeoutMs: number): void {
    this.#checkOpen(op.signal);
    this.limit.enter(1, op.sizeBytes);
    this.#take(op, timeoutMs);
  }

  /** As `submit`, for operations that are taken all or not at all; they have one signal. */
  submitAll(ops: readonly Operation[], signal: AbortSignal | null, timeoutMs: number): void {
    this.#checkOpen(signal);
    this.limit.enter(
      ops.length,
      ops.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    );
    for (const op of ops) {
      // The end of one may end them all, and may come before all are taken: what has ended must not be
      // counted among what is on its way, where nothing would end it again.
      if (op.place !== Place.done) this.#take(op, timeoutMs);
    }
  }

  /** Nobody waits for an operation any more. */
  cancel(op: Operation): void {
    this.#giveUp(op, 'aborted');
  }

  /** What had a reach has come to its end: those that waited for it go on. A second call does nothing. */
  endTurn(op: Operation): void {
    this.#order.leave(op);
  }

  #checkOpen(signal: AbortSignal | null): void {
    if (this.#closed) throw closed(false);
    if (signal?.aborted) throw aborted(signal, false);
  }

  #take(op: Operation, timeoutMs: number): void {
    const { signal } = op;
    op.serial = ++this.#serial;
    this.#deadlines.add(op, timeoutMs);
    if (signal !== null) {
      op.onAbort = this.#onAbort;
      this.signals.add(signal, op);
    }
    if (op.eventual || op.isWithinReach || this.#order.enter(op)) this.#dispatch(op);
  }

  /** Ends everything: what is not settled is rejected with CLOSED, no timer and no connection is left. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // First: who waits for room must not take what the operations free.
    for (const dependent of [...this.dependents]) dependent.aborted();
    for (const op of this.#deadlines.items()) this.#giveUp(op, 'closed');
    this.#deadlines.close();
    this.#partitions.close();
    for (const pipe of this.#pipes.values()) pipe.close();
    this.watches.close();
    this.router.close();
    this.transport.close();
  }

  /** Sends an operation on its way, or lets it wait where it has to. */
  #dispatch(op: Operation): void {
    if (op.place === Place.done || this.#closed) return;
    const route = this.router.map.lookup(op.key);
    const partitionId = route?.partitionId ?? 0;
    const gate = this.#partitions.gateOf(op, partitionId);
    const address = route === null || gate.isClosed ? undefined : this.router.addressFor(op, route);
    if (route === null || address === undefined) {
      this.#closeGate(op, partitionId, 0);
      this.#order.seal(op);
      gate.wait(op);
      return;
    }
    // Through a facade it is for the facade to say, whose map is the newer one mostly.
    const crossing =
      op.spans === null || op.via !== ''
        ? null
        : crossPartition(this.router.map, route, op.kind, op.spans);
    if (crossing !== null) {
      this.#finish(op);
      op.reject(refused(op, crossing, op.maybeApplied));
      return;
    }
    op.partitionId = route.partitionId;
    op.epochVersion = route.epochVersion;
    if (this.#order.mayGo(op, address)) this.#pipeTo(address).enqueue(op);
  }

  // PipeOwner: what comes back.

  /** @internal */
  maySend(op: Operation, message: number): boolean {
    if (!op.isRead && this.#order.isBehind(op)) {
      this.#waitBehind(op);
      return false;
    }
    if (!op.isRead && op.session === null && !this.#identify(op)) return false;
    if (!this.#order.maySend(op, message)) return false;
    if (op.sends++ > 0) this.#retries++;
    return true;
  }

  /**
   * Gives a write its identity, as late as it can be: what has one must never wait for what has none,
   * because the room for it comes only when what has one is finished.
   */
  #identify(op: Operation): boolean {
    if (this.#partitions.identify(op)) return true;
    if (this.#order.hold(op)) this.#partitions.awaitRoom(op);
    return false;
  }

  /** An earlier write on the key found no room for its identity and was put back: this one goes behind it. */
  #waitBehind(op: Operation): void {
    if (this.#partitions.hasRoom(op)) this.#order.retry(op);
    else if (this.#order.hold(op)) this.#partitions.awaitRoom(op);
  }

  /** @internal */
  overdue(op: Operation): void {
    const timeoutMs = op.expiry?.timeoutMs ?? this.settings.timeoutMs;
    this.#giveUp(op, 'timed out', timeoutMs);
  }

  /** @internal */
  heard(pipe: NodePipe): void {
    this.router.heard(pipe.address);
  }

  /** @internal */
  header(header: ResponseHeader): void {
    if (header.logTime > 0) this.#partitions.sawLogTime(header.partitionId, header.logTime);
  }

  /** @internal */
  written(op: Operation, revision: number): void {
    this.#partitions.served(op);
    this.#finish(op);
    op.resolve({ revision });
  }

  /** @internal */
  looked(
    op: Operation,
    look: Look,
    answer: LookedAnswer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#partitions.served(op);
    this.#finish(op);
    try {
      op.resolve(op.reader.looked(op, look, answer, bytes, start, end));
    } catch (error) {
      op.reject(error);
    }
  }

  /** @internal */
  found(
    op: Operation,
    bytes: Uint8Array,
    start: number,
    end: number,
    revision: number,
    ageMs: number,
    expiresAt: number,
  ): void {
    this.#partitions.served(op);
    this.#finish(op);
    try {
      op.resolve(op.reader.found(op, bytes, start, end, revision, ageMs, expiresAt));
    } catch (error) {
      op.reject(error);
    }
  }

  /** @internal */
  carriedOut(op: Operation, answer: LookedAnswer, result: BodyResult | null): void {
    this.#partitions.served(op);
    this.#finish(op);
    try {
      op.resolve(op.reader.carriedOut(op, answer, result));
    } catch (error) {
      op.reject(error);
    }
  }

  /** @internal */
  absent(op: Operation): void {
    this.#partitions.served(op);
    this.#finish(op);
    op.resolve(null);
  }

  /** @internal */
  failed(op: Operation, wire: WireError): void {
    this.#attemptFailed(op, fromWire(wire));
  }

  /** @internal */
  elsewhere(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.#refreshAgainMs) return;
    this.#refreshAgainMs = nowMs + REFRESH_MS;
    this.router.finder.refresh();
  }

  /** @internal */
  garbled(op: Operation): void {
    this.#attemptFailed(op, new DougError('INTERNAL', 'an answer that makes no sense'));
  }

  /** @internal */
  lost(pipe: NodePipe, sent: Operation[], unsent: Operation[], error: DougError): void {
    this.#streamsLost++;
    this.#silent.remove(pipe);
    this.router.lost(pipe.address);
    for (const op of sent) {
      if (!op.isRead) op.maybeApplied = true;
      this.#streamLost(op, error);
    }
    for (const op of unsent) this.#streamLost(op, error);
  }

  #streamLost(op: Operation, error: DougError): void {
    if (op.place === Place.done) return;
    if (!hopeless.has(error.reason)) {
      this.#retry(op, error);
      return;
    }
    this.#finish(op);
    op.reject(refused(op, error, op.maybeApplied));
  }

  /** @internal */
  silent(pipe: NodePipe): void {
    this.#silent.add(pipe);
  }

  #attemptFailed(op: Operation, error: DougError): void {
    const attempt = {
      isRead: op.isRead,
      hasOpId: op.session !== null,
      maybeApplied: op.maybeApplied,
    };
    const maybeApplied = mayHaveApplied(error, attempt);
    const reaction = this.#isCutShort(op, error) ? 'backoff' : reactTo(error, attempt);
    if (error.reason === 'SESSION_EXPIRED') this.#partitions.expired(op, error.route?.logTime ?? 0);
    if (reaction === 'give-up') {
      if (error.route !== undefined) this.router.learn(error.route);
      this.#finish(op);
      op.reject(refused(op, error, maybeApplied));
      return;
    }
    op.maybeApplied = maybeApplied;
    if (reaction === 'new-id') this.#dropIdentity(op);
    const soon = this.router.refused(op, error, reaction);
    if (soon && op.hasty < maxHasty) {
      op.hasty++;
    } else {
      op.hasty = 0;
      const route = this.router.map.lookup(op.key);
      this.#closeGate(op, route?.partitionId ?? 0, error.retryAfterMs);
    }
    this.#retry(op, error);
  }

  /**
   * Whether it is not the caller's time that ran out, but the limit of whoever serves for how long an
   * item may wait. INVARIANT(call-order): of a write that got less than that limit the server has judged
   * the caller's own time, and however early it is by the clock here, it is over: a later write on the key
   * with more time may have been taken from the same message, and this one must not come after it.
   */
  #isCutShort(op: Operation, { reason }: DougError): boolean {
    if (reason !== 'DEADLINE' || this.clock.monotonicMs() >= op.deadlineMs) return false;
    return op.isRead || op.givenMs > PIPE_ITEM_TIMEOUT_MS;
  }

  #retry(op: Operation, error: DougError): void {
    op.lastError = error;
    // On its way again; dispatch says where to.
    op.place = Place.queue;
    if (op.eventual) this.#dispatch(op);
    else this.#order.retry(op);
  }

  #closeGate(op: Operation, partitionId: number, atLeastMs: number): void {
    if (!this.#partitions.closeGate(op, partitionId, atLeastMs)) return;
    const route = this.router.map.lookup(op.key);
    if (route === null || this.router.leaderAddress(route) === undefined) this.router.seek(op.key);
  }

  #giveUp(op: Operation, why: 'timed out' | 'aborted' | 'closed', timeoutMs = 0): void {
    if (op.place === Place.done) return;
    const maybeApplied = !op.isRead && (op.maybeApplied || op.place === Place.sent);
    op.pipe?.withdraw(op);
    this.#finish(op);
    if (why === 'timed out') op.reject(timedOut(op, timeoutMs, maybeApplied));
    else if (why === 'aborted') op.reject(aborted(op.signal, maybeApplied));
    else op.reject(closed(maybeApplied));
  }

  /** Frees everything that an operation holds. Its promise is settled right after. */
  #finish(op: Operation): void {
    this.#deadlines.remove(op);
    this.limit.leave(op.sizeBytes);
    if (op.signal !== null && op.onAbort !== null) {
      op.onAbort = null;
      this.signals.remove(op.signal, op);
    }
    this.#dropIdentity(op);
    if (op.reach === null) this.#order.leave(op);
    op.place = Place.done;
  }

  #dropIdentity(op: Operation): void {
    for (const roomless of this.#partitions.dropIdentity(op)) this.#order.resume(roomless);
  }

  #pipeTo(address: string): NodePipe {
    let pipe = this.#pipes.get(address);
    if (pipe === undefined) {
      pipe = new NodePipe(address, this, this.#pipePorts);
      this.#pipes.set(address, pipe);
    }
    return pipe;
  }
}
