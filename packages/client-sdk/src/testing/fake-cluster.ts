import type { NodeTransport, PipeConnection, PipeEvents } from '@dougdb/facade';
import type { Clock, Timer } from '@dougdb/ports';
import {
  type CodeName,
  Consistency,
  DescribeResponse,
  DougError,
  EndpointKind,
  limits,
  MemberListResponse,
  type NodeDescriptor,
  ReplicaRole,
  type ResponseHeader,
  type RouteHint,
  ScanRequest,
  ScanResponse,
  StatusResponse,
} from '@dougdb/rpc-proto';
import { type FakeApplied, FakePartition } from './fake-partition.js';
import { FakePipe } from './fake-pipe.js';

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
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  readonly node: number;
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
  /** Keys at which partitions begin, beside the first. */
  readonly splitAt?: readonly string[];
  /** One way. */
  readonly latencyMs?: number;
  /** Entries in a chunk of a scan. */
  readonly chunkEntries?: number;
  /** Decides about each item. Default: all are served. */
  readonly judge?: (item: FakeItem) => FakeVerdict;
}

/** 2020-01-01 UTC, where log times begin. */
const logTimeZeroMs = 1_577_836_800_000;
/** What is delivered later comes so much later. */
const lateMs = 400;

/**
 * A cluster in memory that speaks the same bytes as a real one, without Raft behind it: one state for each
 * partition, any node may be told to lead it. For tests of clients: faults are scripted by `judge` and by
 * what can be done to nodes and partitions. Time is the clock's.
 */
export class FakeCluster implements NodeTransport {
  readonly clusterId = new Uint8Array(16).fill(7);
  readonly partitions: FakePartition[] = [];
  readonly nodes: readonly NodeDescriptor[];
  /** Decides about each item; may be replaced at any time. */
  judge: (item: FakeItem) => FakeVerdict;
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
  readonly #latencyMs: number;
  readonly #chunkEntries: number;
  readonly #pipes = new Set<FakePipe>();
  readonly #down = new Set<number>();
  readonly #frozen = new Set<number>();
  readonly #timers = new Set<Timer>();
  #nextPartitionId = 2;

  constructor(options: FakeClusterOptions) {
    this.#clock = options.clock;
    this.#latencyMs = options.latencyMs ?? 1;
    this.#chunkEntries = options.chunkEntries ?? 3;
    this.judge = options.judge ?? (() => 'serve');
    this.nodes = Array.from({ length: options.nodes ?? 3 }, (_, i) => ({
      nodeId: i + 1,
      uuid: new Uint8Array(16).fill(i + 1),
      address: `n${i + 1}:4400`,
    }));
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

  /** Log time now, of all partitions. */
  get logTime(): number {
    return Math.floor(this.#clock.wallMs() - logTimeZeroMs) * 4096;
  }

  /** What took effect, partition by partition. */
  get applied(): FakeApplied[] {
    return this.partitions.flatMap(({ applied }) => applied);
  }

  partitionOf(key: string): FakePartition {
    return this.partitions.find((partition) => partition.holds(text(key))) as FakePartition;
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

  /** The node's process dies: streams break, nothing connects. */
  kill(nodeId: number): void {
    this.#down.add(nodeId);
    for (const pipe of [...this.#pipes]) if (pipe.nodeId === nodeId) pipe.break();
  }

  restart(nodeId: number): void {
    this.#down.delete(nodeId);
  }

  /** The node stands still: connections stay, nothing is answered. */
  freeze(nodeId: number): void {
    this.#frozen.add(nodeId);
  }

  /** What arrived meanwhile is gone. */
  thaw(nodeId: number): void {
    this.#frozen.delete(nodeId);
  }

  /** Breaks every stream; nodes live on. */
  breakPipes(): void {
    for (const pipe of [...this.#pipes]) pipe.break();
  }

  // NodeTransport

  unary(
    address: string,
    path: string,
    _request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    this.unaryCalls++;
    return new Promise((resolve, reject) => {
      const end = (run: () => void): void => {
        timeout.cancel();
        signal?.removeEventListener('abort', onAbort);
        run();
      };
      const fail = (reason: CodeName): void =>
        end(() => reject(new DougError(reason, `${address} failed`, { outcome: 'NOT_APPLIED' })));
      const onAbort = (): void => fail('ABORTED');
      const timeout = this.#later(timeoutMs, () => fail('DEADLINE'));
      signal?.addEventListener('abort', onAbort);
      if (signal?.aborted) onAbort();
      this.#later(2 * this.#latencyMs, () => {
        const node = this.nodeAt(address);
        if (node !== undefined && this.#frozen.has(node.nodeId)) return;
        if (node === undefined || this.isDown(node.nodeId)) fail('NO_LEADER');
        else end(() => resolve(this.#answer(path, node)));
      });
    });
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    const pipe = new FakePipe(this, this.nodeAt(address)?.nodeId ?? 0, events);
    this.#pipes.add(pipe);
    this.#later(this.#latencyMs, () => pipe.connected());
    return pipe;
  }

  async *stream(
    address: string,
    path: string,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (path !== '/dougdb.v1.Doug/Scan') throw new DougError('UNIMPLEMENTED', `no ${path} here`);
    const request = ScanRequest.decode(bytes);
    let { start, end } = request;
    let left = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
    for (;;) {
      await this.#pauseUnless(signal);
      const node = this.nodeAt(address);
      if (signal.aborted) throw new DougError('ABORTED', 'cancelled', { outcome: 'NOT_APPLIED' });
      if (node === undefined || this.isDown(node.nodeId)) throw new DougError('NO_LEADER', 'down');
      if (this.#frozen.has(node.nodeId)) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        continue;
      }
      const verdict = this.judge({
        kind: 'get',
        key: new TextDecoder().decode(request.reverse ? end : start),
        node: node.nodeId,
        resend: false,
        timeoutMs: 0,
        message: this.messages++,
        ordinal: this.arrived++,
      });
      if (typeof verdict === 'object') throw new DougError(verdict.refuse, 'as told');
      if (verdict !== 'serve') throw new DougError('IN_DOUBT', 'the stream broke');
      const partition = this.partitions.find(({ id }) => id === request.context?.partitionId);
      const isEventual = request.consistency === Consistency.CONSISTENCY_EVENTUAL;
      const refusal = this.refusal(partition, request.context?.epochVersion ?? 0, node, isEventual);
      if (partition === undefined || refusal !== null) throw refusal;
      const all = partition.entries(start, end);
      if (request.reverse) all.reverse();
      const kvs = all.slice(0, Math.min(this.#chunkEntries, left));
      left -= kvs.length;
      const isLast = kvs.length === all.length || left === 0;
      const last = kvs.at(-1)?.key ?? start;
      const resumeKey = request.reverse ? last : Uint8Array.of(...last, 0);
      yield ScanResponse.encode({
        header: this.headerOf(partition, node.nodeId, isEventual),
        kvs: kvs.map(({ key, value, revision }) => ({
          key,
          value: request.keysOnly ? new Uint8Array() : value,
          revision,
        })),
        resumeKey: isLast ? undefined : resumeKey,
      }).finish();
      if (isLast) return;
      if (request.reverse) end = resumeKey;
      else start = resumeKey;
    }
  }

  close(): void {
    this.isClosed = true;
    for (const pipe of [...this.#pipes]) pipe.close();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  // For the streams.

  /** @internal */
  nodeAt(address: string): NodeDescriptor | undefined {
    return this.nodes.find((node) => node.address === address);
  }

  /** @internal */
  isDown(nodeId: number): boolean {
    return nodeId === 0 || this.#down.has(nodeId);
  }

  /** @internal */
  isFrozen(nodeId: number): boolean {
    return this.#frozen.has(nodeId);
  }

  /** @internal */
  ended(pipe: FakePipe): void {
    this.#pipes.delete(pipe);
  }

  /** @internal runs after the time of one way */
  afterLatency(run: () => void): void {
    this.#later(this.#latencyMs, run);
  }

  /** @internal */
  late(run: () => void): void {
    this.#later(lateMs, run);
  }

  /** @internal why a node does not serve a partition; null: it does */
  refusal(
    partition: FakePartition | undefined,
    epochVersion: number,
    node: NodeDescriptor,
    anyReplica: boolean,
  ): DougError | null {
    if (partition === undefined) return new DougError('EPOCH_MISMATCH', 'no such partition');
    const route = this.routeOf(partition);
    if (epochVersion !== partition.epochVersion) {
      return new DougError('EPOCH_MISMATCH', 'another epoch', { route });
    }
    if (anyReplica || partition.leaderNodeId === node.nodeId) return null;
    return partition.leaderNodeId === 0
      ? new DougError('NO_LEADER', 'no leader', { route })
      : new DougError('NOT_LEADER', `node ${partition.leaderNodeId} leads`, { route });
  }

  /** @internal */
  routeOf(partition: FakePartition): RouteHint {
    return {
      partition: {
        partitionId: partition.id,
        keyspace: 1,
        start: partition.start,
        end: partition.end,
        epoch: { version: partition.epochVersion, conf: 1 },
        replicas: this.nodes.map(({ nodeId }) => ({
          replicaId: partition.id * 100 + nodeId,
          nodeId,
          role: ReplicaRole.REPLICA_ROLE_VOTER,
        })),
      },
      leaderNodeId: partition.leaderNodeId,
      nodes: [...this.nodes],
      logTime: this.logTime,
    };
  }

  /** @internal */
  headerOf(partition: FakePartition, nodeId: number, isEventual: boolean): ResponseHeader {
    return {
      clusterId: this.clusterId,
      nodeId,
      partitionId: partition.id,
      revision: partition.revision,
      term: 1,
      appliedIndex: partition.revision,
      logTime: this.logTime,
      served: isEventual ? Consistency.CONSISTENCY_EVENTUAL : Consistency.CONSISTENCY_LINEARIZABLE,
      ageMs: isEventual ? 12 : 0,
    };
  }

  #answer(path: string, node: NodeDescriptor): Uint8Array {
    const { keyBytes, valueBytes, requestBytes } = limits;
    const table = { keyBytes, valueBytes, requestBytes };
    switch (path) {
      case '/dougdb.v1.Routes/Describe':
        return DescribeResponse.encode({
          clusterId: this.clusterId,
          kind: EndpointKind.ENDPOINT_KIND_NODE,
          nodeId: node.nodeId,
          nodes: [...this.nodes],
          partitions: this.partitions.map((partition) => this.routeOf(partition)),
          limits: table,
          version: '0.0.0-fake',
        }).finish();
      case '/dougdb.admin.v1.Admin/MemberList':
        return MemberListResponse.encode({ nodes: [...this.nodes] }).finish();
      default:
        return StatusResponse.encode({
          clusterId: this.clusterId,
          node,
          version: '0.0.0-fake',
          uptimeMs: 1000,
          limits: table,
          replicas: this.partitions.map(({ id, leaderNodeId, revision }) => ({
            partitionId: id,
            replicaId: id * 100 + node.nodeId,
            role: leaderNodeId === node.nodeId ? 'leader' : 'follower',
            leaderReplicaId: leaderNodeId === 0 ? 0 : id * 100 + leaderNodeId,
            leaderNodeId,
            term: 1,
            commitIndex: revision,
            appliedIndex: revision,
            firstIndex: 1,
            lastIndex: revision,
            revision,
            state: 'serving',
            sessions: 0,
          })),
        }).finish();
    }
  }

  #pauseUnless(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#later(this.#latencyMs, done);
      if (signal.aborted) done();
    });
  }

  #later(delayMs: number, run: () => void): Timer {
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return timer;
  }
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
