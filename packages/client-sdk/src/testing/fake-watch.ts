import {
  compareEnds,
  compareKeys,
  decodeWatchToken,
  encodeWatchToken,
  piecesFor,
  positionAt,
  positionBehind,
  rangesOverlap,
  WatchCursor,
  type WatchPiece,
} from '@dougdb/facade';
import {
  Consistency,
  DougError,
  type KeyValue,
  type WatchCreate,
  type WatchEvent,
  WatchEventType,
} from '@dougdb/rpc-proto';
import { headerOf, routeOf } from './fake-answers.js';
import type { FakeCluster } from './fake-cluster.js';
import type { FakeChange, FakeVersion } from './fake-history.js';
import type { FakePartition } from './fake-partition.js';
import type { FakeWatchStream } from './fake-watch-stream.js';

/** Events in one message at most. */
const batchEvents = 16;

interface Part {
  readonly partition: FakePartition;
  readonly epochVersion: number;
  readonly cursor: WatchCursor;
  readonly unlisten: () => void;
}

/**
 * A watch of a {@link FakeCluster}, as a node serves it (of one partition, until that is split) or as a facade
 * does (of whatever partitions there are).
 */
export class FakeWatch {
  readonly #cluster: FakeCluster;
  readonly #stream: FakeWatchStream;
  readonly #create: WatchCreate;
  #parts: Part[] = [];
  /** Null: without bounds. */
  #credit: number | null;

  /** @throws DougError as the endpoint refuses it */
  constructor(cluster: FakeCluster, stream: FakeWatchStream, create: WatchCreate) {
    this.#cluster = cluster;
    this.#stream = stream;
    this.#create = create;
    this.#credit = create.creditBytes === 0 ? null : create.creditBytes;
    const { token, fromRevision } = create;
    const partitions = this.#partitions();
    if (fromRevision > 0 && token.length === 0 && partitions.length > 1) {
      throw new DougError('INVALID_ARGUMENT', 'from a revision only one partition is watched');
    }
    const told = token.length === 0 ? null : decodeWatchToken(token, cluster.clusterId).pieces;
    this.#parts = partitions.map((partition) => this.#part(partition, told));
  }

  /** How much was told. */
  get pieces(): WatchPiece[] {
    return this.#parts.flatMap(({ cursor }) => cursor.pieces);
  }

  give(bytes: number): void {
    if (this.#credit !== null) this.#credit += bytes;
  }

  /** Says that everything up to here was told. */
  mark(): void {
    if ((this.#credit ?? 1) > 0) {
      for (const { partition, cursor } of this.#parts) {
        cursor.advance(positionAt(partition.revision));
      }
    }
    this.#stream.tell(this.#create.watchId, this.pieces, { events: [], costBytes: 0 });
  }

  /** Tells what can be told. @throws DougError when it is over */
  pump(): void {
    this.#follow();
    for (const part of this.#parts) while (this.#tellSome(part));
  }

  close(): void {
    for (const { unlisten } of this.#parts) unlisten();
    this.#parts = [];
  }

  get #isFacades(): boolean {
    return this.#cluster.isFacade(this.#stream.address);
  }

  #partitions(): FakePartition[] {
    const { start, end, context } = this.#create;
    const { partitions } = this.#cluster;
    if (this.#isFacades) {
      return partitions
        .filter((one) => rangesOverlap(one.start, one.end, start, end))
        .sort((a, b) => compareKeys(a.start, b.start));
    }
    const { partitionId = 0, epochVersion = 0 } = context ?? {};
    const own = partitions.find(({ id }) => id === partitionId);
    const isRight =
      own?.epochVersion === epochVersion && own.holds(start) && compareEnds(end, own.end) <= 0;
    if (own !== undefined && isRight) return [own];
    const route = routeOf(this.#cluster, this.#cluster.partitionOf(start));
    throw new DougError('EPOCH_MISMATCH', 'another epoch', { route });
  }

  #part(partition: FakePartition, told: readonly WatchPiece[] | null): Part {
    const { id, epochVersion, revision, history } = partition;
    const { fromRevision } = this.#create;
    const start = later(this.#create.start, partition.start);
    const end = compareEnds(this.#create.end, partition.end) < 0 ? this.#create.end : partition.end;
    const range = { partitionId: id, epochVersion, start, end };
    const from = positionAt(fromRevision > 0 ? fromRevision - 1 : revision);
    const cursor = new WatchCursor(
      told === null ? [{ ...range, ...from }] : piecesFor(told, range),
    );
    if (cursor.position.revision < history.floor) {
      throw new DougError('COMPACTED', `history begins behind revision ${history.floor}`);
    }
    const unlisten = history.listen(() => this.#stream.wake());
    return { partition, epochVersion, cursor, unlisten };
  }

  /** Goes with what partitions have become. */
  #follow(): void {
    const isSame = this.#parts.every((part) => part.epochVersion === part.partition.epochVersion);
    if (isSame) return;
    const told = this.pieces;
    // A node does not serve what is another partition now: this throws.
    const partitions = this.#partitions();
    this.close();
    this.#parts = partitions.map((partition) => this.#part(partition, told));
  }

  /** @returns whether there may be more */
  #tellSome({ partition, cursor }: Part): boolean {
    if (this.#credit !== null && this.#credit <= 0) return false;
    const due = partition.history.changes
      .filter(({ revision, key }) => cursor.isDue(revision, key))
      .slice(0, batchEvents);
    if (due.length === 0) return false;
    for (const { revision, key } of due) cursor.advance(positionBehind(revision, key));
    const events = due.filter((change) => this.#isWanted(change)).map((one) => this.#event(one));
    if (events.length === 0) return true;
    const costBytes = events.reduce((sum, event) => sum + costOf(event), 0);
    if (this.#credit !== null) this.#credit -= costBytes;
    const nodeId = this.#cluster.nodeAt(this.#stream.address)?.nodeId ?? partition.leaderNodeId;
    const header = headerOf(this.#cluster, partition, nodeId, Consistency.CONSISTENCY_EVENTUAL);
    this.#stream.tell(this.#create.watchId, this.pieces, { header, events, costBytes });
    return true;
  }

  #isWanted({ now }: FakeChange): boolean {
    return now === null ? !this.#create.noDeletes : !this.#create.noPuts;
  }

  #event({ key, revision, now, before }: FakeChange): WatchEvent {
    return {
      type:
        now === null ? WatchEventType.WATCH_EVENT_TYPE_DELETE : WatchEventType.WATCH_EVENT_TYPE_PUT,
      kv: now === null ? { key, value: nothing, revision, expiresAt: 0 } : pairOf(now),
      previous: this.#create.previous && before !== null ? pairOf(before) : undefined,
    };
  }
}

/** The token of pieces. */
export function tokenOf(cluster: FakeCluster, pieces: readonly WatchPiece[]): Uint8Array {
  return encodeWatchToken({ clusterId: cluster.clusterId, pieces });
}

function pairOf({ key, value, revision, expiresAt = 0 }: FakeVersion): KeyValue {
  return { key, value, revision, expiresAt };
}

function costOf({ kv, previous }: WatchEvent): number {
  const size = (pair: KeyValue | undefined): number =>
    pair === undefined ? 0 : pair.key.length + pair.value.length;
  return 32 + size(kv) + size(previous);
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) > 0 ? a : b;
}

const nothing = new Uint8Array(0);
