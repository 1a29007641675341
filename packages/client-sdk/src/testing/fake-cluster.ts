import type { NodeTransport, PipeConnection, PipeEvents } from '@dougdb/facade';
import type { Clock, Timer } from '@dougdb/ports';
import { type CodeName, DougError, type NodeDescriptor } from '@dougdb/rpc-proto';
import { answerUnary, refusalOf } from './fake-answers.js';
import { type FakeApplied, FakePartition } from './fake-partition.js';
import { FakePipe } from './fake-pipe.js';
import { fakeStream } from './fake-scan.js';
import { FakeTransport } from './fake-transport.js';
import { FakeWatchStream } from './fake-watch-stream.js';

/** What becomes of an item that arrives at a node. */
export type FakeVerdict =
  /** It is served as it should be. */
  | 'serve'
  /** It takes effect, and then the stream breaks without an answer. */
  | 'serve-and-break'
  /** The stream breaks; it has no effect. */
  | 'break'
  /** IN_DOUBT; it has no effect. */
  | 'doubt'
  /** IN_DOUBT; it takes effect later, if its session still lets it. */
  | 'doubt-and-serve-later'
  /** It is served, and the same bytes arrive once more later. */
  | 'serve-twice'
  /** No answer at all. */
  | 'swallow'
  /** Refused, without effect. */
  | { readonly refuse: CodeName; readonly retryAfterMs?: number };

/** An item that arrives at a node. */
export interface FakeItem {
  readonly kind: 'put' | 'delete' | 'txn' | 'delete-range' | 'get' | 'scan' | 'watch';
  /** Of a scan or watch: where it begins. Of what has several keys: the first. */
  readonly key: string;
  /** The node that it arrives at; through a facade too. */
  readonly node: number;
  /** Where the client sent it: a node or a facade. */
  readonly address: string;
  readonly resend: boolean;
  readonly timeoutMs: number;
  /** Number of the message that it came in. A node must take or refuse a key's writes of one as they come. */
  readonly message: number;
  /** Items that have arrived before this one, at any node. */
  readonly ordinal: number;
}

export interface FakeClusterOptions {
  readonly clock: Clock;
  readonly nodes?: number;
  /** Facades in front of the nodes: f1:4300, f2:4300, ... Default: none. */
  readonly facades?: number;
  /** Keys at which partitions begin, beside the first. */
  readonly splitAt?: readonly string[];
  /** One way, of each hop. */
  readonly latencyMs?: number;
  /** Entries in a chunk of a scan. */
  readonly chunkEntries?: number;
  /** Decides about each item. Default: all are served. */
  readonly judge?: (item: FakeItem) => FakeVerdict;
}

/** A node by its id, a facade by its address. */
export type FakeEndpoint = number | string;

/** 2020-01-01 UTC, where log times begin. */
const logTimeZeroMs = 1_577_836_800_000;
/** What is delivered later comes so much later. */
const lateMs = 400;

/**
 * A cluster in memory that speaks the same bytes as a real one, without Raft behind it: one state for each
 * partition, any node may be told to lead it. For tests of clients: faults are scripted by `judge` and by
 * what can be done to nodes and partitions. Time is the clock's.
 *
 * It is the transport of a client itself; closing that client closes it. `transport()` makes more.
 */
export class FakeCluster implements NodeTransport {
  readonly clusterId = new Uint8Array(16).fill(7);
  readonly partitions: FakePartition[] = [];
  readonly nodes: readonly NodeDescriptor[];
  /** HOST:PORT of the facades. */
  readonly facades: readonly string[];
  /** Decides about each item; may be replaced at any time. */
  judge: (item: FakeItem) => FakeVerdict;
  /** One way, of each hop. */
  latencyMs: number;
  /** Entries in a chunk of a scan. */
  readonly chunkEntries: number;
  /** Items that have arrived. */
  arrived = 0;
  /** Messages that have arrived. */
  messages = 0;
  /** Ids that were cancelled. */
  cancelled = 0;
  /** Calls of unary methods. */
  unaryCalls = 0;
  isClosed = false;
  readonly #clock: Clock;
  readonly #pipes = new Set<FakePipe>();
  readonly #watchStreams = new Set<FakeWatchStream>();
  readonly #down = new Set<string>();
  readonly #frozen = new Set<string>();
  readonly #draining = new Set<string>();
  readonly #timers = new Set<Timer>();
  #nextPartitionId = 2;

  constructor(options: FakeClusterOptions) {
    this.#clock = options.clock;
    this.latencyMs = options.latencyMs ?? 1;
    this.chunkEntries = options.chunkEntries ?? 3;
    this.judge = options.judge ?? (() => 'serve');
    this.nodes = Array.from({ length: options.nodes ?? 3 }, (_, i) => ({
      nodeId: i + 1,
      uuid: new Uint8Array(16).fill(i + 1),
      address: `n${i + 1}:4400`,
    }));
    this.facades = Array.from({ length: options.facades ?? 0 }, (_, i) => `f${i + 1}:4300`);
    const first = new FakePartition(this.#nextPartitionId++, text(''), text(''));
    this.partitions.push(first);
    for (const key of options.splitAt ?? []) this.split(key);
  }

  /** HOST:PORT of all nodes. */
  get endpoints(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** Streams that are open. */
  get openPipes(): number {
    return this.#pipes.size;
  }

  /** Watches that are open. */
  get openWatches(): number {
    return [...this.#watchStreams].reduce((sum, { size }) => sum + size, 0);
  }

  /** Streams of watches that are open. */
  get openWatchStreams(): number {
    return this.#watchStreams.size;
  }

  /** Where streams are open, one for each. */
  get pipeAddresses(): string[] {
    return [...this.#pipes].map(({ address }) => address);
  }

  /** Log time now, of all partitions. */
  get logTime(): number {
    return Math.floor(this.#clock.wallMs() - logTimeZeroMs) * 4096;
  }

  /** What took effect, partition by partition. */
  get applied(): FakeApplied[] {
    return this.partitions.flatMap(({ applied }) => applied);
  }

  partitionOf(key: string | Uint8Array): FakePartition {
    const bytes = typeof key === 'string' ? text(key) : key;
    return this.partitions.find((partition) => partition.holds(bytes)) as FakePartition;
  }

  /** Makes a node lead the partition of a key; 0: nobody does. */
  lead(nodeId: number, key = ''): void {
    this.partitionOf(key).leaderNodeId = nodeId;
  }

  /** Parts the partition that holds the key there. */
  split(key: string): FakePartition {
    const child = this.partitionOf(key).split(this.#nextPartitionId++, text(key));
    this.partitions.push(child);
    return child;
  }

  /** The process dies: streams break, nothing connects. */
  kill(endpoint: FakeEndpoint): void {
    const address = this.#addressOf(endpoint);
    this.#down.add(address);
    for (const stream of this.#streams) if (stream.address === address) stream.break();
  }

  restart(endpoint: FakeEndpoint): void {
    const address = this.#addressOf(endpoint);
    this.#down.delete(address);
    this.#draining.delete(address);
  }

  /** The process stands still: connections stay, nothing is answered. */
  freeze(endpoint: FakeEndpoint): void {
    this.#frozen.add(this.#addressOf(endpoint));
  }

  /** What arrived meanwhile is gone. */
  thaw(endpoint: FakeEndpoint): void {
    this.#frozen.delete(this.#addressOf(endpoint));
  }

  /** What arrives from now on is refused with DRAINING, until `restart`. */
  drain(endpoint: FakeEndpoint): void {
    const address = this.#addressOf(endpoint);
    this.#draining.add(address);
    const error = new DougError('DRAINING', `${address} is going down`);
    for (const stream of [...this.#watchStreams]) {
      if (stream.address === address) stream.endAll(error);
    }
  }

  /** Breaks every stream; nodes live on. */
  breakPipes(): void {
    for (const stream of this.#streams) stream.break();
  }

  /** Ends every watch that is open with this code. */
  endWatches(code: CodeName): void {
    const error = new DougError(code, 'as told', { outcome: 'NOT_APPLIED' });
    for (const stream of [...this.#watchStreams]) stream.endAll(error);
  }

  /** One more client's way to the cluster: closing it leaves the cluster alone. */
  transport(): NodeTransport {
    return new FakeTransport(this);
  }

  // NodeTransport

  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    this.unaryCalls++;
    return new Promise((resolve, reject) => {
      const end = (run: () => void): void => {
        timeout.cancel();
        arrival.cancel();
        signal?.removeEventListener('abort', onAbort);
        run();
      };
      const fail = (reason: CodeName): void =>
        end(() => reject(new DougError(reason, `${address} failed`, { outcome: 'NOT_APPLIED' })));
      const onAbort = (): void => fail('ABORTED');
      const timeout = this.#later(timeoutMs, () => fail('DEADLINE'));
      const arrival = this.#later(2 * this.latencyMs, () => {
        if (this.isFrozen(address)) return;
        if (this.isDown(address)) fail('NO_LEADER');
        else end(() => resolve(this.#answer(address, path, request)));
      });
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted) onAbort();
    });
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    const pipe = new FakePipe(this, address, events);
    this.#pipes.add(pipe);
    this.#later(this.latencyMs, () => pipe.connected());
    return pipe;
  }

  /** Watches only. */
  openStream(address: string, path: string, events: PipeEvents): PipeConnection {
    if (path !== '/dougdb.v1.Doug/Watch') throw new Error(`no ${path} here`);
    const stream = new FakeWatchStream(this, address, events);
    this.#watchStreams.add(stream);
    this.#later(this.latencyMs, () => stream.connected());
    return stream;
  }

  stream(
    address: string,
    path: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    return fakeStream(this, address, path, request, signal);
  }

  close(): void {
    this.isClosed = true;
    for (const stream of this.#streams) stream.close();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  // For the streams.

  /** @internal whether nothing connects to an address */
  isDown(address: string): boolean {
    const isKnown = this.isFacade(address) || this.nodeAt(address) !== undefined;
    return !isKnown || this.#down.has(address);
  }

  /** @internal */
  isFrozen(address: string): boolean {
    return this.#frozen.has(address);
  }

  /** @internal */
  isDraining(address: string): boolean {
    return this.#draining.has(address);
  }

  /** @internal */
  isFacade(address: string): boolean {
    return this.facades.includes(address);
  }

  /** @internal */
  nodeAt(address: string): NodeDescriptor | undefined {
    return this.nodes.find((node) => node.address === address);
  }

  /**
   * @internal the partition and node that serve what arrives at an address
   * @throws DougError as the node or the facade refuses it
   */
  serving(
    address: string,
    key: Uint8Array,
    named: { readonly partitionId: number; readonly epochVersion: number },
    anyReplica: boolean,
  ): { readonly partition: FakePartition; readonly node: NodeDescriptor } {
    if (this.isDraining(address)) throw new DougError('DRAINING', `${address} is going down`);
    if (this.isFacade(address)) return this.#behindFacade(key, anyReplica);
    const node = this.nodeAt(address) as NodeDescriptor;
    const partition = this.partitions.find(({ id }) => id === named.partitionId);
    const refusal = refusalOf(this, partition, named.epochVersion, node, anyReplica);
    if (partition === undefined || refusal !== null) throw refusal;
    if (!partition.holds(key)) throw new DougError('EPOCH_MISMATCH', 'not in this partition');
    return { partition, node };
  }

  /** A facade knows everything, and chooses by the key whatever the client named. */
  #behindFacade(
    key: Uint8Array,
    anyReplica: boolean,
  ): { readonly partition: FakePartition; readonly node: NodeDescriptor } {
    const partition = this.partitionOf(key);
    const isUp = ({ address }: NodeDescriptor): boolean =>
      !this.isDown(address) && !this.isFrozen(address);
    const node = this.nodes.find(
      (one) => isUp(one) && (anyReplica || one.nodeId === partition.leaderNodeId),
    );
    if (node === undefined) throw new DougError('NO_LEADER', 'no node can be reached');
    const refusal = refusalOf(this, partition, partition.epochVersion, node, anyReplica);
    if (refusal !== null) throw refusal;
    return { partition, node };
  }

  /** @internal */
  ended(pipe: FakePipe): void {
    this.#pipes.delete(pipe);
  }

  /** @internal */
  watchesEnded(stream: FakeWatchStream): void {
    this.#watchStreams.delete(stream);
  }

  /** @internal */
  after(delayMs: number, run: () => void): Timer {
    return this.#later(delayMs, run);
  }

  /** @internal runs after the time of one way to the node that serves */
  afterLatency(address: string, run: () => void): void {
    this.#later(this.isFacade(address) ? 2 * this.latencyMs : this.latencyMs, run);
  }

  /** @internal */
  late(run: () => void): void {
    this.#later(lateMs, run);
  }

  /** Rejects as the endpoint refuses. */
  async #answer(address: string, path: string, request: Uint8Array): Promise<Uint8Array> {
    return answerUnary(this, address, path, request);
  }

  get #streams(): (FakePipe | FakeWatchStream)[] {
    return [...this.#pipes, ...this.#watchStreams];
  }

  #addressOf(endpoint: FakeEndpoint): string {
    if (typeof endpoint === 'string') return endpoint;
    return this.nodes[endpoint - 1]?.address ?? '';
  }

  #later(delayMs: number, run: () => void): Timer {
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
