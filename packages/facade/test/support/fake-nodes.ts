import type { SimScheduler } from '@dougdb/ports/sim';
import {
  CommandView,
  Consistency,
  DescribeResponse,
  DougError,
  EndpointKind,
  type NodeDescriptor,
  type PipeOp,
  PipeResponseWriter,
  ReplicaRole,
  type ResponseHeader,
  type RouteHint,
  readCommand,
  readPipeRequest,
  ScanRequest,
  ScanResponse,
  toWire,
} from '@dougdb/rpc-proto';
import type { NodeTransport, PipeConnection, PipeEvents } from '../../src/index.js';

export const clusterId = new Uint8Array(16).fill(9);

/** An item as a node got it. */
export interface Arrival {
  readonly node: FakeNode;
  readonly stream: FakeStream;
  /** Counts the messages of all nodes. */
  readonly message: number;
  readonly id: number;
  readonly op: PipeOp;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  readonly value: string;
  readonly timeoutMs: number;
  readonly partitionId: number;
  readonly epochVersion: number;
  readonly resend: boolean;
  readonly eventual: boolean;
}

/** A partition as the nodes know it. */
export interface FakePartition {
  readonly id: number;
  readonly start: string;
  readonly end: string;
  readonly version: number;
  leader: number;
}

/** Nodes whose answers a test decides about, on virtual time. */
export class FakeNodes implements NodeTransport {
  readonly scheduler: SimScheduler;
  readonly nodes: FakeNode[];
  readonly partitions: FakePartition[];
  readonly arrivals: Arrival[] = [];
  /** Messages as they arrived. */
  readonly messages: Uint8Array[] = [];
  readonly cancels: { readonly node: number; readonly id: number }[] = [];
  readonly unaryCalls: { readonly address: string; readonly path: string }[] = [];
  latencyMs = 1;
  /** Decides about each item; the default serves it. */
  serve: (item: Arrival) => void = (item) => item.node.answer(item);
  /** Answers single calls; undefined: the default. */
  onUnary: ((address: string, path: string, request: Uint8Array) => Uint8Array | undefined) | null =
    null;
  /** Entries in a chunk of a scan. */
  chunkEntries = 3;
  readonly streamCalls: { readonly address: string; readonly path: string }[] = [];
  /** Serves WatchMap; the default does not. */
  watchMap: (
    node: FakeNode,
    request: Uint8Array,
    signal: AbortSignal,
  ) => AsyncIterable<Uint8Array> = () => {
    throw new DougError('UNIMPLEMENTED', 'no watches here');
  };
  /** Takes streams in both directions beside pipes; the default refuses them. */
  onStream: (address: string, path: string, events: PipeEvents) => PipeConnection = (
    _address,
    path,
    events,
  ) => {
    this.scheduler.schedule(this.latencyMs, () =>
      events.closed(new DougError('UNIMPLEMENTED', path)),
    );
    return { send: () => true, close: () => undefined };
  };
  isClosed = false;

  constructor(scheduler: SimScheduler, nodes = 3, partitions?: readonly FakePartition[]) {
    this.scheduler = scheduler;
    this.nodes = Array.from({ length: nodes }, (_, at) => new FakeNode(this, at + 1));
    this.partitions = [
      ...(partitions ?? [{ id: 2, start: '', end: '', version: 1, leader: 1 }]),
    ].map((partition) => ({ ...partition }));
  }

  get addresses(): string[] {
    return this.nodes.map((node) => node.address);
  }

  /** Values and revisions, as if all nodes were one. */
  readonly data = new Map<string, { value: string; revision: number }>();
  revision = 0;

  hint(partition: FakePartition, leader = partition.leader): RouteHint {
    return {
      partition: {
        partitionId: partition.id,
        keyspace: 1,
        start: Buffer.from(partition.start),
        end: Buffer.from(partition.end),
        epoch: { version: partition.version, conf: 1 },
        replicas: this.nodes.map(({ nodeId }) => ({
          replicaId: partition.id * 100 + nodeId,
          nodeId,
          role: ReplicaRole.REPLICA_ROLE_VOTER,
        })),
      },
      leaderNodeId: leader,
      nodes: this.descriptors(),
      logTime: 4096,
    };
  }

  descriptors(): NodeDescriptor[] {
    return this.nodes.map(({ nodeId, address }) => ({
      nodeId,
      uuid: new Uint8Array(16).fill(nodeId),
      address,
    }));
  }

  partitionOf(key: string): FakePartition {
    return this.partitions.find(
      ({ start, end }) => start <= key && (end === '' || key < end),
    ) as FakePartition;
  }

  /** A message for all who hear it: how a node in a bad state sounds. */
  headerOf(partitionId: number, nodeId: number): ResponseHeader {
    return {
      clusterId,
      nodeId,
      partitionId,
      revision: this.revision,
      term: 1,
      appliedIndex: this.revision,
      logTime: 8192,
      served: Consistency.CONSISTENCY_LINEARIZABLE,
      ageMs: 0,
    };
  }

  // NodeTransport

  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs = 1_000,
  ): Promise<Uint8Array> {
    this.unaryCalls.push({ address, path });
    return new Promise((resolve, reject) => {
      const node = this.nodes.find((candidate) => candidate.address === address);
      if (node?.isMute) {
        const late = new DougError('DEADLINE', 'no answer', { outcome: 'NOT_APPLIED' });
        this.scheduler.schedule(timeoutMs, () => reject(late));
        return;
      }
      this.scheduler.schedule(2 * this.latencyMs, () => {
        try {
          resolve(this.#answer(address, path, request));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  openPipe(address: string, events: PipeEvents): PipeConnection {
    const node = this.nodes.find((candidate) => candidate.address === address);
    const stream = new FakeStream(this, node ?? null, events);
    this.scheduler.schedule(this.latencyMs, () => stream.connect());
    return stream;
  }

  openStream(address: string, path: string, events: PipeEvents): PipeConnection {
    return this.onStream(address, path, events);
  }

  async *stream(
    address: string,
    path: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    this.streamCalls.push({ address, path });
    await this.pause(2 * this.latencyMs);
    const node = this.nodes.find((candidate) => candidate.address === address);
    if (node === undefined || node.isDown) throw new DougError('NO_LEADER', `${address} is down`);
    if (path === '/dougdb.v1.Routes/WatchMap') yield* this.watchMap(node, request, signal);
    else yield* this.#scan(node, request, signal);
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.scheduler.schedule(delayMs, resolve));
  }

  async *#scan(node: FakeNode, bytes: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const request = ScanRequest.decode(bytes);
    const text = (from: Uint8Array): string => Buffer.from(from).toString();
    const partition = this.partitions.find(({ id }) => id === request.context?.partitionId);
    const eventual = request.consistency === Consistency.CONSISTENCY_EVENTUAL;
    if (partition?.version !== request.context?.epochVersion || partition === undefined) {
      throw new DougError('EPOCH_MISMATCH', 'no', { route: partition && this.hint(partition) });
    }
    if (partition.leader !== node.nodeId && !eventual) {
      throw new DougError('NOT_LEADER', 'no', { route: this.hint(partition) });
    }
    // As a node: the part of the range that it holds, and where the range goes on.
    const from = text(request.start);
    const asked = text(request.end);
    const [, start = ''] = [from, partition.start].sort();
    const isWithin = partition.end === '' || (asked !== '' && asked < partition.end);
    const end = isWithin ? asked : partition.end;
    if (end !== '' && start >= end && from !== asked) {
      throw new DougError('EPOCH_MISMATCH', 'outside', { route: this.hint(partition) });
    }
    const entries = [...this.data]
      .filter(([key]) => key >= start && (end === '' || key < end))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (request.reverse) entries.reverse();
    const wanted = request.limit === 0 ? entries : entries.slice(0, request.limit);
    let at = 0;
    do {
      if (signal.aborted) throw new DougError('ABORTED', 'gone', { outcome: 'NOT_APPLIED' });
      if (node.isDown) throw new DougError('IN_DOUBT', 'the stream broke');
      const part = wanted.slice(at, at + this.chunkEntries);
      at += part.length;
      const last = part.at(-1)?.[0] ?? '';
      const beyond = request.reverse
        ? partition.start > from
          ? partition.start
          : undefined
        : isWithin
          ? undefined
          : partition.end;
      const isDone = at >= wanted.length;
      const goesOn = isDone ? beyond : request.reverse ? last : (wanted[at]?.[0] ?? '');
      const isFull = request.limit !== 0 && at >= request.limit;
      yield ScanResponse.encode({
        header: this.headerOf(partition.id, node.nodeId),
        kvs: part.map(([key, { value, revision }]) => ({
          key: Buffer.from(key),
          value: request.keysOnly ? new Uint8Array() : Buffer.from(value),
          revision,
          expiresAt: 0,
        })),
        count: 0,
        token: new Uint8Array(),
        resumeKey: goesOn === undefined || isFull ? undefined : Buffer.from(goesOn),
      }).finish();
      await this.pause(this.latencyMs);
    } while (at < wanted.length);
  }

  close(): void {
    this.isClosed = true;
  }

  #answer(address: string, path: string, request: Uint8Array): Uint8Array {
    const node = this.nodes.find((candidate) => candidate.address === address);
    if (node === undefined || node.isDown || node.isMute) {
      throw new DougError('NO_LEADER', `${address} is down`);
    }
    const answer = this.onUnary?.(address, path, request);
    if (answer !== undefined) return answer;
    return DescribeResponse.encode({
      clusterId,
      kind: EndpointKind.ENDPOINT_KIND_NODE,
      nodeId: node.nodeId,
      nodes: this.descriptors(),
      partitions: this.partitions.map((partition) => this.hint(partition)),
      limits: { keyBytes: 8192, valueBytes: 1 << 20, requestBytes: 4 << 20 },
      version: '0.0.0-fake',
    }).finish();
  }
}

export class FakeNode {
  readonly cluster: FakeNodes;
  readonly nodeId: number;
  address: string;
  readonly streams = new Set<FakeStream>();
  /** Nobody listens. */
  isDown = false;
  /** It listens and says nothing. */
  isMute = false;
  /** Its connections take nothing more. */
  isFull = false;

  constructor(cluster: FakeNodes, nodeId: number) {
    this.cluster = cluster;
    this.nodeId = nodeId;
    this.address = `n${nodeId}:1`;
  }

  /** Serves an item as it should be, and answers it. */
  answer(item: Arrival): void {
    const partition = this.cluster.partitionOf(item.key);
    if (partition.id !== item.partitionId || partition.version !== item.epochVersion) {
      this.refuse(
        item,
        new DougError('EPOCH_MISMATCH', 'no', { route: this.cluster.hint(partition) }),
      );
    } else if (partition.leader !== this.nodeId && !item.eventual) {
      this.refuse(item, new DougError('NOT_LEADER', 'no', { route: this.cluster.hint(partition) }));
    } else {
      this.apply(item);
      this.tell(item);
    }
  }

  /** The effect of an item. @returns its revision */
  apply(item: Arrival): number {
    const { cluster } = this;
    if (item.kind === 'get') return 0;
    const revision = ++cluster.revision;
    if (item.kind === 'put') cluster.data.set(item.key, { value: item.value, revision });
    else cluster.data.delete(item.key);
    return revision;
  }

  /** The answer to an item that was served. */
  tell(item: Arrival, revision = this.cluster.revision): void {
    item.stream.respond((writer) => {
      const header = this.cluster.headerOf(item.partitionId, this.nodeId);
      if (item.kind !== 'get') {
        writer.addWrite(item.id, header, revision, false);
        return;
      }
      const found = this.cluster.data.get(item.key);
      if (found === undefined) writer.addGetMissing(item.id, header);
      else {
        const value = Buffer.from(found.value);
        writer.addGet(item.id, header, value, 0, value.length, found.revision);
      }
    });
  }

  refuse(item: Arrival, error: DougError): void {
    item.stream.respond((writer) => writer.addError(item.id, null, toWire(error)));
  }

  /** All streams break. */
  break(error = new DougError('IN_DOUBT', 'the stream broke')): void {
    for (const stream of [...this.streams]) stream.end(error);
  }

  kill(): void {
    this.isDown = true;
    this.break();
  }
}

/** One Pipe to a node. */
export class FakeStream implements PipeConnection {
  readonly node: FakeNode | null;
  readonly #cluster: FakeNodes;
  readonly #events: PipeEvents;
  readonly #view = new CommandView();
  #state: 'connecting' | 'open' | 'over' = 'connecting';

  constructor(cluster: FakeNodes, node: FakeNode | null, events: PipeEvents) {
    this.#cluster = cluster;
    this.node = node;
    this.#events = events;
  }

  connect(): void {
    if (this.#state !== 'connecting') return;
    if (this.node === null || this.node.isDown) {
      this.end(new DougError('NO_LEADER', 'connection refused'));
    } else if (!this.node.isMute) {
      this.#state = 'open';
      this.node.streams.add(this);
      this.#events.opened();
    }
  }

  send(request: Uint8Array): boolean {
    if (this.#state !== 'open') throw new Error(`sent while ${this.#state}`);
    const copy = new Uint8Array(request);
    this.#cluster.scheduler.schedule(this.#cluster.latencyMs, () => {
      if (this.#state === 'open' && this.node !== null && !this.node.isMute) this.#arrive(copy);
    });
    return this.node?.isFull !== true;
  }

  drain(): void {
    if (this.#state === 'open') this.#events.drained();
  }

  close(): void {
    this.#state = 'over';
    this.node?.streams.delete(this);
  }

  end(error: DougError): void {
    if (this.#state === 'over') return;
    this.close();
    this.#events.closed(error);
  }

  /** Sends a response after the latency. */
  respond(build: (writer: PipeResponseWriter) => void): void {
    const writer = new PipeResponseWriter();
    build(writer);
    this.raw(writer.finish());
  }

  /** Sends any bytes. */
  raw(bytes: Uint8Array): void {
    const copy = new Uint8Array(bytes);
    this.#cluster.scheduler.schedule(this.#cluster.latencyMs, () => {
      if (this.#state === 'open') this.#events.received(copy);
    });
  }

  #arrive(request: Uint8Array): void {
    const cluster = this.#cluster;
    const node = this.node as FakeNode;
    const message = cluster.messages.push(request);
    const items: Arrival[] = [];
    readPipeRequest(request, {
      begin: (_first, start, end) => {
        const named = Buffer.from(request.subarray(start, end));
        if (!named.equals(clusterId)) throw new Error(`cluster id ${named.toString('hex')}`);
      },
      item: (id, timeoutMs, partitionId, epochVersion, resend, op, start, end, consistency) => {
        const view = this.#view;
        if (op === 'command') readCommand(request, start, end, view);
        const text = (from: number, to: number): string =>
          Buffer.from(request.subarray(from, to)).toString();
        items.push({
          node,
          stream: this,
          message,
          id,
          op,
          kind: op === 'get' ? 'get' : view.kind === 'delete' ? 'delete' : 'put',
          key: op === 'get' ? text(start, end) : text(view.keyStart, view.keyEnd),
          value: op === 'get' ? '' : text(view.valueStart, view.valueEnd),
          timeoutMs,
          partitionId,
          epochVersion,
          resend,
          eventual: consistency === Consistency.CONSISTENCY_EVENTUAL,
        });
      },
      invalid: (_id, error) => {
        throw error;
      },
      cancel: (id) => cluster.cancels.push({ node: node.nodeId, id }),
    });
    for (const item of items) {
      cluster.arrivals.push(item);
      cluster.serve(item);
    }
  }
}
