import {
  DougError,
  toWire,
  type WatchCreate,
  type WatchEvent,
  WatchEventType,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';
import {
  decodeWatchToken,
  encodeWatchToken,
  type PipeConnection,
  type PipeEvents,
  piecesFor,
  positionAt,
  positionBehind,
  WatchCursor,
} from '../../src/index.js';
import { clusterId, type FakeNodes, type FakePartition } from './fake-nodes.js';

/** A change of one key. */
export interface FakeChange {
  readonly revision: number;
  readonly key: string;
  /** Null: it was deleted. */
  readonly value: string | null;
}

/** A message that a node is about to send on a stream of watches. */
export interface FakeTelling {
  readonly nodeId: number;
  /** Counts the messages of all streams, from 1. */
  readonly ordinal: number;
  readonly response: WatchResponse;
}

interface History {
  revision: number;
  floor: number;
  readonly changes: FakeChange[];
}

const none = new Uint8Array(0);

/** The watches of fake nodes: a history for each partition, served by whatever node is asked. */
export class FakeWatches {
  readonly nodes: FakeNodes;
  readonly streams = new Set<FakeWatchStream>();
  /** Watches as they were asked for. */
  readonly creates: { readonly nodeId: number; readonly create: WatchCreate }[] = [];
  /** Most events in a message. */
  batchEvents = 2;
  markMs = 5_000;
  /** A watch that has nothing to spend for so long ends with LAGGING. */
  lagMs = Number.POSITIVE_INFINITY;
  told = 0;
  /** Looks at each message before it is sent; 'break': the stream breaks instead; 'drop': nothing comes. */
  onTell: (telling: FakeTelling) => 'send' | 'break' | 'garbage' | 'drop' = () => 'send';
  readonly #histories = new Map<number, History>();
  /** Revisions that nodes have not applied yet, by node and partition. */
  readonly #behind = new Map<string, number>();
  #nextPartition = 100;

  constructor(nodes: FakeNodes) {
    this.nodes = nodes;
    nodes.onStream = (address, _path, events) => {
      const stream = new FakeWatchStream(this, address, events);
      this.streams.add(stream);
      nodes.scheduler.schedule(nodes.latencyMs, () => stream.connect());
      return stream;
    };
  }

  /** Watches that nodes have open. */
  get open(): number {
    return [...this.streams].reduce((sum, stream) => sum + stream.watches.size, 0);
  }

  history(partitionId: number): History {
    let history = this.#histories.get(partitionId);
    if (history === undefined) {
      history = { revision: 0, floor: 0, changes: [] };
      this.#histories.set(partitionId, history);
    }
    return history;
  }

  /** Changes keys of one partition at one revision. */
  write(...pairs: readonly (readonly [string, string | null])[]): number {
    const { id } = this.nodes.partitionOf(pairs[0]?.[0] ?? '');
    const history = this.history(id);
    const revision = ++history.revision;
    const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, value] of sorted) history.changes.push({ revision, key, value });
    this.#pump();
    return revision;
  }

  put(key: string, value = 'v'): number {
    return this.write([key, value]);
  }

  delete(key: string): number {
    return this.write([key, null]);
  }

  /** Cuts the partition of a key there. Its watches end. */
  split(key: string): void {
    const { partitions } = this.nodes;
    const at = partitions.indexOf(this.nodes.partitionOf(key));
    const whole = partitions[at] as FakePartition;
    if (whole.start === key) return;
    const version = whole.version + 1;
    const id = this.#nextPartition++;
    const left = { ...whole, end: key, version };
    const right = { ...whole, id, start: key, version };
    const { revision, floor, changes } = this.history(whole.id);
    const isRight = (change: FakeChange): boolean => change.key >= key;
    this.#histories.set(id, { revision, floor, changes: changes.filter(isRight) });
    const kept = changes.filter((change) => !isRight(change));
    this.#histories.set(whole.id, { revision, floor, changes: kept });
    partitions.splice(at, 1, left, right);
    this.#pump();
  }

  /** A node applies nothing of a partition beyond this revision; null: it has caught up. */
  hold(nodeId: number, partitionId: number, revision: number | null): void {
    const name = `${nodeId}/${partitionId}`;
    if (revision === null) this.#behind.delete(name);
    else this.#behind.set(name, revision);
    this.#pump();
  }

  applied(nodeId: number, partitionId: number): number {
    const { revision } = this.history(partitionId);
    return Math.min(revision, this.#behind.get(`${nodeId}/${partitionId}`) ?? revision);
  }

  kill(nodeId: number): void {
    const node = this.nodes.nodes[nodeId - 1];
    node?.kill();
    for (const stream of [...this.streams]) {
      if (stream.node === node) stream.end(new DougError('IN_DOUBT', 'the stream broke'));
    }
  }

  /** Ends every watch at a node. */
  endAll(nodeId: number, error: DougError): void {
    for (const stream of this.streams) if (stream.node?.nodeId === nodeId) stream.endAll(error);
  }

  #pump(): void {
    for (const stream of [...this.streams]) stream.pump();
  }
}

interface ServedWatch {
  readonly create: WatchCreate;
  readonly partition: FakePartition;
  readonly cursor: WatchCursor;
  /** Null: without bounds. */
  credit: number | null;
  saidMs: number;
  starvedMs: number;
}

/** A stream of watches, as the node sees it. */
export class FakeWatchStream implements PipeConnection {
  readonly watches = new Map<number, ServedWatch>();
  readonly node;
  readonly #all: FakeWatches;
  readonly #events: PipeEvents;
  #state: 'connecting' | 'open' | 'over' = 'connecting';

  constructor(all: FakeWatches, address: string, events: PipeEvents) {
    this.#all = all;
    this.#events = events;
    this.node = all.nodes.nodes.find((node) => node.address === address);
  }

  connect(): void {
    if (this.#state !== 'connecting') return;
    if (this.node === undefined || this.node.isDown) {
      this.end(new DougError('NO_LEADER', 'connection refused'));
    } else if (!this.node.isMute) {
      this.#state = 'open';
      this.#events.opened();
    }
  }

  send(request: Uint8Array): boolean {
    if (this.#state !== 'open') throw new Error(`sent while ${this.#state}`);
    const copy = new Uint8Array(request);
    this.#later(() => this.#arrive(WatchRequest.decode(copy)));
    return true;
  }

  close(): void {
    this.#state = 'over';
    this.watches.clear();
    this.#all.streams.delete(this);
  }

  end(error: DougError): void {
    if (this.#state === 'over') return;
    this.close();
    this.#events.closed(error);
  }

  endAll(error: DougError): void {
    for (const watchId of [...this.watches.keys()]) this.#refuse(watchId, error);
  }

  pump(): void {
    for (const [watchId, watch] of [...this.watches]) this.#pumpOne(watchId, watch);
  }

  get #isDeaf(): boolean {
    return this.#state !== 'open' || this.node === undefined || this.node.isMute;
  }

  #later(run: () => void): void {
    const { scheduler, latencyMs } = this.#all.nodes;
    scheduler.schedule(latencyMs, () => {
      if (!this.#isDeaf) run();
    });
  }

  #arrive({ request }: WatchRequest): void {
    if (request?.$case === 'create') this.#create(request.value);
    if (request?.$case === 'cancel') this.watches.delete(request.value.watchId);
    if (request?.$case !== 'credit') return;
    const watch = this.watches.get(request.value.watchId);
    if (watch === undefined) return;
    if (watch.credit !== null) watch.credit += request.value.bytes;
    this.#pumpOne(request.value.watchId, watch);
  }

  #create(create: WatchCreate): void {
    const { nodes } = this.#all;
    const nodeId = this.node?.nodeId ?? 0;
    this.#all.creates.push({ nodeId, create });
    const { watchId } = create;
    try {
      const partition = nodes.partitions.find(({ id }) => id === create.context?.partitionId);
      const range = this.#rangeOf(create, partition);
      const { revision, floor } = this.#all.history(range.partitionId);
      const applied = this.#all.applied(nodeId, range.partitionId);
      const now = create.fromRevision > 0 ? create.fromRevision - 1 : applied;
      const pieces =
        create.token.length > 0
          ? piecesFor(decodeWatchToken(create.token, clusterId).pieces, range)
          : [{ ...range, ...positionAt(now) }];
      const cursor = new WatchCursor(pieces);
      if (cursor.position.revision < floor) throw new DougError('COMPACTED', `floor ${floor}`);
      if (now > revision) throw new DougError('FUTURE_REVISION', `at ${revision}`);
      const credit = create.creditBytes === 0 ? null : create.creditBytes;
      const saidMs = nodes.scheduler.nowMs;
      const watch = {
        create,
        partition: partition as FakePartition,
        cursor,
        credit,
        saidMs,
        starvedMs: Number.POSITIVE_INFINITY,
      };
      this.watches.set(watchId, watch);
      this.#tell(watchId, watch, [], true);
      this.#mark(watchId, watch);
      this.#pumpOne(watchId, watch);
    } catch (error) {
      this.#refuse(watchId, DougError.from(error));
    }
  }

  #rangeOf(create: WatchCreate, partition: FakePartition | undefined) {
    const { nodes } = this.#all;
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
    const [start, end] = [text(create.start), text(create.end)];
    const isInside =
      partition !== undefined &&
      partition.version === create.context?.epochVersion &&
      partition.start <= start &&
      (partition.end === '' || (end !== '' && end <= partition.end));
    if (partition !== undefined && isInside) {
      return {
        partitionId: partition.id,
        epochVersion: partition.version,
        start: create.start,
        end: create.end,
      };
    }
    throw new DougError('EPOCH_MISMATCH', 'no', { route: nodes.hint(nodes.partitionOf(start)) });
  }

  /** Says every 5 s that it is there. */
  #mark(watchId: number, watch: ServedWatch): void {
    const { scheduler } = this.#all.nodes;
    scheduler.schedule(this.#all.markMs, () => {
      if (this.#state !== 'open' || this.watches.get(watchId) !== watch) return;
      if (!this.#isDeaf) {
        if ((watch.credit ?? 1) > 0) watch.cursor.advance(positionAt(this.#appliedOf(watch)));
        this.#tell(watchId, watch, [], false);
      }
      this.#mark(watchId, watch);
    });
  }

  #appliedOf({ partition }: ServedWatch): number {
    return this.#all.applied(this.node?.nodeId ?? 0, partition.id);
  }

  #pumpOne(watchId: number, watch: ServedWatch): void {
    if (this.#isDeaf || this.watches.get(watchId) !== watch) return;
    const { nodes, lagMs, batchEvents } = this.#all;
    const current = nodes.partitions.find(({ id }) => id === watch.partition.id);
    if (current !== watch.partition) {
      const key = Buffer.from(watch.create.start).toString('latin1');
      const route = nodes.hint(nodes.partitionOf(key));
      this.#refuse(watchId, new DougError('EPOCH_MISMATCH', 'it was split', { route }));
      return;
    }
    for (;;) {
      if (watch.credit !== null && watch.credit <= 0) {
        if (this.#due(watch).length > 0 && watch.starvedMs === Number.POSITIVE_INFINITY) {
          watch.starvedMs = nodes.scheduler.nowMs;
          if (Number.isFinite(lagMs)) this.#lagAfter(watchId, watch, lagMs);
        }
        return;
      }
      watch.starvedMs = Number.POSITIVE_INFINITY;
      const due = this.#due(watch).slice(0, batchEvents);
      if (due.length === 0) return;
      for (const { revision, key } of due) {
        watch.cursor.advance(positionBehind(revision, Buffer.from(key, 'latin1')));
      }
      const { noPuts, noDeletes } = watch.create;
      const wanted = due.filter(({ value }) => !(value === null ? noDeletes : noPuts));
      if (wanted.length > 0) this.#tell(watchId, watch, wanted, false);
    }
  }

  #lagAfter(watchId: number, watch: ServedWatch, lagMs: number): void {
    this.#all.nodes.scheduler.schedule(lagMs, () => {
      if (this.watches.get(watchId) !== watch || watch.starvedMs === Number.POSITIVE_INFINITY)
        return;
      this.#refuse(watchId, new DougError('LAGGING', 'nothing was taken'));
    });
  }

  #due(watch: ServedWatch): FakeChange[] {
    const { changes } = this.#all.history(watch.partition.id);
    const applied = this.#appliedOf(watch);
    return changes.filter(
      ({ revision, key }) =>
        revision <= applied && watch.cursor.isDue(revision, Buffer.from(key, 'latin1')),
    );
  }

  #tell(
    watchId: number,
    watch: ServedWatch,
    changes: readonly FakeChange[],
    created: boolean,
  ): void {
    const costBytes = changes.reduce(
      (sum, { key, value }) => sum + 32 + key.length + (value?.length ?? 0),
      0,
    );
    if (watch.credit !== null) watch.credit -= costBytes;
    watch.saidMs = this.#all.nodes.scheduler.nowMs;
    this.#send({
      watchId,
      header: this.#all.nodes.headerOf(watch.partition.id, this.node?.nodeId ?? 0),
      events: changes.map(eventOf),
      token: encodeWatchToken({ clusterId, pieces: watch.cursor.pieces }),
      created,
      error: undefined,
      costBytes,
      more: [],
    });
  }

  #refuse(watchId: number, error: DougError): void {
    this.watches.delete(watchId);
    this.#send({
      watchId,
      header: undefined,
      events: [],
      token: none,
      created: false,
      error: toWire(error),
      costBytes: 0,
      more: [],
    });
  }

  #send(response: WatchResponse): void {
    const { nodes, onTell } = this.#all;
    const nodeId = this.node?.nodeId ?? 0;
    const verdict = onTell({ nodeId, ordinal: ++this.#all.told, response });
    if (verdict === 'drop') return;
    const bytes =
      verdict === 'garbage' ? Uint8Array.of(0xff, 0xff) : WatchResponse.encode(response).finish();
    nodes.scheduler.schedule(nodes.latencyMs, () => {
      if (this.#state !== 'open') return;
      if (verdict === 'break') this.end(new DougError('IN_DOUBT', 'the stream broke'));
      else this.#events.received(bytes);
    });
  }
}

function eventOf({ revision, key, value }: FakeChange): WatchEvent {
  return {
    type:
      value === null ? WatchEventType.WATCH_EVENT_TYPE_DELETE : WatchEventType.WATCH_EVENT_TYPE_PUT,
    kv: {
      key: Buffer.from(key, 'latin1'),
      value: value === null ? none : Buffer.from(value),
      revision,
      expiresAt: 0,
    },
    previous: undefined,
  };
}
