import type { PipeConnection, PipeEvents, WatchPiece } from '@dougdb/facade';
import type { Timer } from '@dougdb/ports';
import {
  DougError,
  type ResponseHeader,
  toWire,
  type WatchCreate,
  type WatchEvent,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';
import type { FakeCluster } from './fake-cluster.js';
import { FakeWatch, tokenOf } from './fake-watch.js';

/** As a node: a client that hears nothing for 10 s goes elsewhere. */
const markMs = 4_000;
/** Units of log time in a millisecond. */
const logTimePerMs = 4096;

/** What is told of a watch. */
export interface FakeTold {
  readonly header?: ResponseHeader;
  readonly events: readonly WatchEvent[];
  readonly costBytes: number;
  readonly created?: true;
}

/** One stream of watches to a node or facade of a {@link FakeCluster}. */
export class FakeWatchStream implements PipeConnection {
  readonly address: string;
  readonly #cluster: FakeCluster;
  readonly #events: PipeEvents;
  readonly #watches = new Map<number, FakeWatch>();
  #state: 'connecting' | 'open' | 'over' = 'connecting';
  #marks: Timer | null = null;
  #expiry: Timer | null = null;
  #isWoken = false;

  constructor(cluster: FakeCluster, address: string, events: PipeEvents) {
    this.#cluster = cluster;
    this.address = address;
    this.#events = events;
  }

  /** Watches on it. */
  get size(): number {
    return this.#watches.size;
  }

  connected(): void {
    if (this.#state !== 'connecting' || this.#cluster.isFrozen(this.address)) return;
    if (this.#cluster.isDown(this.address)) {
      this.#end(new DougError('NO_LEADER', 'connection refused'));
      return;
    }
    this.#state = 'open';
    this.#mark();
    this.#events.opened();
  }

  send(request: Uint8Array): boolean {
    if (this.#state !== 'open') throw new Error(`sent while ${this.#state}`);
    const copy = new Uint8Array(request);
    this.#cluster.afterLatency(this.address, () => {
      if (!this.#isDeaf) this.#arrive(WatchRequest.decode(copy));
    });
    return true;
  }

  close(): void {
    this.#state = 'over';
    this.#marks?.cancel();
    this.#expiry?.cancel();
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    this.#cluster.watchesEnded(this);
  }

  break(): void {
    this.#end(new DougError('IN_DOUBT', 'the stream broke'));
  }

  /** Ends every watch on it. */
  endAll(error: DougError): void {
    for (const watchId of [...this.#watches.keys()]) this.#refuse(watchId, error);
  }

  /** Something has changed: it is told after the turn, together. */
  wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#cluster.after(0, () => {
      this.#isWoken = false;
      if (this.#isDeaf) return;
      for (const [watchId, watch] of [...this.#watches]) this.#pump(watchId, watch);
    });
  }

  /** @internal sends an answer after the latency */
  tell(watchId: number, pieces: readonly WatchPiece[], told: FakeTold): void {
    const { header, events, costBytes, created = false } = told;
    const token = tokenOf(this.#cluster, pieces);
    this.#send({
      watchId,
      header,
      events: [...events],
      token,
      created,
      error: undefined,
      costBytes,
      more: [],
    });
  }

  get #isDeaf(): boolean {
    return this.#state !== 'open' || this.#cluster.isFrozen(this.address);
  }

  #arrive({ request }: WatchRequest): void {
    switch (request?.$case) {
      case 'create':
        this.#create(request.value);
        return;
      case 'credit': {
        const watch = this.#watches.get(request.value.watchId);
        watch?.give(request.value.bytes);
        if (watch !== undefined) this.#pump(request.value.watchId, watch);
        return;
      }
      case 'cancel':
        this.#watches.get(request.value.watchId)?.close();
        this.#watches.delete(request.value.watchId);
        return;
      case undefined:
        this.#end(new DougError('INVALID_ARGUMENT', 'no request'));
    }
  }

  #create(create: WatchCreate): void {
    const cluster = this.#cluster;
    const { watchId } = create;
    const verdict = cluster.judge({
      kind: 'watch',
      key: new TextDecoder().decode(create.start),
      node: cluster.nodeAt(this.address)?.nodeId ?? 0,
      address: this.address,
      resend: false,
      timeoutMs: 0,
      message: cluster.messages++,
      ordinal: cluster.arrived++,
    });
    if (typeof verdict === 'object') {
      const { refuse, retryAfterMs } = verdict;
      this.#refuse(watchId, new DougError(refuse, 'as told', { retryAfterMs }));
      return;
    }
    if (verdict === 'swallow') return;
    if (verdict === 'break') {
      this.break();
      return;
    }
    if (verdict !== 'serve' && verdict !== 'serve-twice' && verdict !== 'serve-and-break') {
      this.#refuse(watchId, new DougError('IN_DOUBT', 'as told'));
      return;
    }
    this.#serve(create);
    if (verdict === 'serve-and-break') cluster.afterLatency(this.address, () => this.break());
  }

  #serve(create: WatchCreate): void {
    const { watchId } = create;
    try {
      if (this.#cluster.isDraining(this.address)) {
        throw new DougError('DRAINING', `${this.address} is going down`);
      }
      const watch = new FakeWatch(this.#cluster, this, create);
      this.#watches.set(watchId, watch);
      this.tell(watchId, watch.pieces, { events: [], costBytes: 0, created: true });
      this.#pump(watchId, watch);
    } catch (error) {
      this.#refuse(watchId, DougError.from(error, 'NOT_APPLIED'));
    }
  }

  #pump(watchId: number, watch: FakeWatch): void {
    try {
      watch.pump();
      this.#awaitExpiry();
    } catch (error) {
      this.#refuse(watchId, DougError.from(error, 'NOT_APPLIED'));
    }
  }

  /** Elsewhere keys go when somebody looks at them: who watches looks all the time. */
  #awaitExpiry(): void {
    const { partitions, logTime } = this.#cluster;
    const due = Math.min(...partitions.map(({ nextExpiry }) => nextExpiry));
    this.#expiry?.cancel();
    if (due === Number.POSITIVE_INFINITY || this.#state !== 'open') return;
    const delayMs = Math.max(1, Math.ceil((due - logTime) / logTimePerMs));
    this.#expiry = this.#cluster.after(delayMs, () => {
      for (const partition of partitions) partition.expire(this.#cluster.logTime);
      this.#awaitExpiry();
    });
  }

  #refuse(watchId: number, error: DougError): void {
    const watch = this.#watches.get(watchId);
    const token = watch === undefined ? nothing : tokenOf(this.#cluster, watch.pieces);
    watch?.close();
    this.#watches.delete(watchId);
    this.#send({
      watchId,
      header: undefined,
      events: [],
      token,
      created: false,
      error: toWire(error),
      costBytes: 0,
      more: [],
    });
  }

  #mark(): void {
    this.#marks = this.#cluster.after(markMs, () => {
      if (this.#state !== 'open') return;
      if (!this.#isDeaf) for (const watch of this.#watches.values()) watch.mark();
      this.#mark();
    });
  }

  #send(response: WatchResponse): void {
    const bytes = WatchResponse.encode(response).finish();
    this.#cluster.afterLatency(this.address, () => {
      if (!this.#isDeaf) this.#events.received(bytes);
    });
  }

  #end(error: DougError): void {
    if (this.#state === 'over') return;
    this.close();
    this.#events.closed(error);
  }
}

const nothing = new Uint8Array(0);
