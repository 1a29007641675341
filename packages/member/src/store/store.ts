import type { Workers } from '@dougdb/ports';
import type { Message } from '@dougdb/raft-core';
import {
  RefillTurn,
  type Replica,
  type ReplicaStatus,
  type WatchLoad,
  WINDOW_BYTES,
  WINDOWS_BYTES,
  WindowBudget,
} from '@dougdb/replica';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { BlockCache, JobScheduler, MemtableBudget, OpenFiles, Scrubber } from '@dougdb/sstable';
import type { PinnedSegment } from '@dougdb/wal';
import { replicaDir } from '../data-dir/layout.js';
import { DATA_KEYSPACE, hex, META_PARTITION_ID } from '../genesis/record.js';
import { MemberError, MemberErrorCode } from '../member-error.js';
import type { Membership } from '../membership.js';
import type { MemberTelemetry } from '../telemetry.js';
import { openReplica, type SharedParts, type Slot } from './open-replica.js';
import type { PinnedLogs } from './pinned-logs.js';
import { RangeIndex } from './range-index.js';
import { Ticker } from './ticker.js';

export interface StoreOptions
  extends Omit<
    SharedParts,
    'cache' | 'budget' | 'scheduler' | 'openFiles' | 'scrubber' | 'watchBudget' | 'refillTurn'
  > {
  /** Threads for flushes and compactions; null: slices on the loop. */
  readonly tableWorkers: Workers | null;
  readonly telemetry: MemberTelemetry;
  readonly pinnedLogs: PinnedLogs;
  /** Whether time stands still for a replica. */
  readonly isHeld: (replica: Replica) => boolean;
  /** After the replicas have ticked. */
  readonly onTick: () => void;
}

/** Replicas whose files are opened at the same time: they share the syncs of log and hard states. */
const OPENED_AT_ONCE = 8;

/** Descriptors that the tables of all replicas hold. */
const MAX_OPEN_TABLES = 512;

/** All replicas of one node: one WAL, one block cache, one budget of memtables, one scheduler of flushes and
 * compactions, one clock that ticks them. */
export class Store {
  readonly #options: StoreOptions;
  readonly #slots = new Map<number, Slot>();
  readonly #ticker: Ticker;
  readonly #budget: MemtableBudget;
  readonly #refillTurn = new RefillTurn();
  readonly #watchBudget = new WindowBudget(WINDOWS_BYTES, WINDOW_BYTES);
  readonly #scrubber: Scrubber | null;
  /** Of the data partitions. */
  #byKey = new RangeIndex<Replica>([], ({ descriptor }) => descriptor);
  #only: Replica | undefined;
  #closed = false;
  readonly #replayed: Promise<void>;
  #endReplay: { resolve: () => void; reject: (error: MemberError) => void } | null = null;

  private constructor(options: StoreOptions) {
    this.#options = options;
    this.#budget = new MemtableBudget(options.settings.memtableBudgetBytes);
    const { clock, logger } = options;
    const { scrubBytesPerSecond: bytesPerSecond } = options.settings;
    this.#scrubber =
      bytesPerSecond === undefined ? null : new Scrubber({ clock, logger, bytesPerSecond });
    this.#ticker = new Ticker({
      clock: options.clock,
      tickMs: options.settings.tickMs,
      onTick: () => this.#tick(),
      onMissed: (count) => options.telemetry.ticksMissed.add(count),
    });
    this.#replayed = new Promise((resolve, reject) => {
      this.#endReplay = { resolve, reject };
    });
    // Nobody has to wait for it.
    this.#replayed.catch(() => undefined);
  }

  /**
   * Opens this node's replicas and begins to tick them. They replay their logs in the background, all
   * at the same time.
   * @throws MemberError
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options);
    const own = ownReplicas(options.self);
    refuseForeign(options, [...own.values()]);
    try {
      await store.#openAll(own);
    } catch (error) {
      await store.close();
      throw error;
    }
    options.pinnedLogs.listen((pinned) => store.#logsPinned(pinned));
    store.#ticker.start();
    return store;
  }

  /** Resolves when all replicas have applied what they knew to be committed. Rejects on close before that. */
  whenReplayed(): Promise<void> {
    return this.#replayed;
  }

  /** The replica of the partition, if there is one here. */
  byPartition(partitionId: number): Replica | undefined {
    return this.#slots.get(partitionId)?.replica;
  }

  /** The replica of users' data whose range holds the key. */
  byKey(key: Uint8Array): Replica | undefined {
    return this.#byKey.find(key);
  }

  /** The replica of users' data that holds the greatest keys below an exclusive end. */
  belowKey(end: Uint8Array): Replica | undefined {
    return this.#byKey.findBelow(end);
  }

  /** The only replica of users' data, if there is only one; then nothing has to be looked up by key. */
  get only(): Replica | undefined {
    return this.#only;
  }

  /** The replica of the meta group. */
  get meta(): Replica | undefined {
    return this.byPartition(META_PARTITION_ID);
  }

  /** What the watches of each replica cost. */
  watchLoads(): WatchLoad[] {
    return this.replicas().map((replica) => replica.watchLoad);
  }

  /** Memory of older changes on their way to watches. */
  get watchWindowBytes(): number {
    return this.#watchBudget.takenBytes;
  }

  /** Memory that the memtables of all partitions hold. */
  get memtableBytes(): number {
    return this.#budget.mutableBytes + this.#budget.frozenBytes;
  }

  /** By partition id. */
  replicas(): Replica[] {
    return [...this.#slots.values()].map((slot) => slot.replica);
  }

  statuses(): ReplicaStatus[] {
    return this.replicas().map((replica) => replica.status());
  }

  /** A message from a peer. What is not from a replica there to a replica here is dropped. */
  deliver(fromNodeId: number, partitionId: number, message: Message): void {
    const slot = this.#slots.get(partitionId);
    const known =
      slot !== undefined &&
      slot.replica.replicaId === message.to &&
      slot.nodeOf.get(message.from) === fromNodeId;
    if (known) slot.replica.step(message);
    else this.#options.telemetry.unknownReplica.add(1);
  }

  reportUnreachable(nodeId: number): void {
    if (this.#closed) return;
    for (const { replica } of this.#slots.values()) replica.reportUnreachable(nodeId);
  }

  /** The logs of these replicas keep the WAL from shrinking. */
  #logsPinned({ logs }: PinnedSegment): void {
    if (this.#closed) return;
    const through = new Map(logs.map(({ id, throughIndex }) => [id, throughIndex]));
    for (const { replica } of this.#slots.values()) {
      const index = through.get(replica.replicaId);
      if (index !== undefined) replica.logPinned(index);
    }
  }

  /** Refuses new work and hands over; resolves when nothing is pending, at the latest at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(this.replicas().map((replica) => replica.drain(deadlineMs)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ticker.stop();
    this.#endReplay?.reject(
      new MemberError(MemberErrorCode.Internal, 'closed before it was ready'),
    );
    const scrubbed = this.#scrubber?.stop();
    for (const { replica, db } of this.#slots.values()) {
      await replica.close();
      await db.close();
    }
    // A check that runs ends with its database.
    await scrubbed;
  }

  async #openAll(own: ReadonlyMap<PartitionDescriptor, number>): Promise<void> {
    const { fs, layout, settings } = this.#options;
    for (const [{ partitionId }, replicaId] of own) {
      fs.mkdir(replicaDir(layout, partitionId, replicaId));
    }
    await fs.syncDir(layout.partitions);
    const shared: SharedParts = {
      ...this.#options,
      cache: new BlockCache(settings.blockCacheBytes),
      budget: this.#budget,
      watchBudget: this.#watchBudget,
      refillTurn: this.#refillTurn,
      scheduler: new JobScheduler({ workers: this.#options.tableWorkers }),
      openFiles: new OpenFiles(MAX_OPEN_TABLES),
      scrubber: this.#scrubber,
      onFatal: (error) => {
        if (!this.#closed) this.#options.onFatal(error);
      },
    };
    const slots: Slot[] = [];
    const failures: unknown[] = [];
    const waiting = [...own];
    const openNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await openReplica(shared, ...next).then(
          (slot) => slots.push(slot),
          (error: unknown) => failures.push(error),
        );
        if (failures.length > 0) return;
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openNext));
    slots.sort((a, b) => a.replica.partitionId - b.replica.partitionId);
    for (const slot of slots) this.#slots.set(slot.replica.partitionId, slot);
    if (failures.length > 0) throw failures[0];
    const data = this.replicas().filter(({ descriptor }) => descriptor.keyspace === DATA_KEYSPACE);
    this.#byKey = new RangeIndex(data, ({ descriptor }) => descriptor);
    this.#only = data.length === 1 ? data[0] : undefined;
  }

  #tick(): void {
    const { isHeld, onTick } = this.#options;
    for (const { replica } of this.#slots.values()) if (!isHeld(replica)) replica.tick();
    onTick();
    if (this.#endReplay === null) return;
    if (this.statuses().some(({ state }) => state === 'starting')) return;
    this.#endReplay.resolve();
    this.#endReplay = null;
  }
}

/** The partitions that this node has a replica of, with its id. */
function ownReplicas(self: Membership): Map<PartitionDescriptor, number> {
  const own = new Map<PartitionDescriptor, number>();
  for (const partition of self.record.partitions) {
    const replica = partition.replicas.find((r) => r.nodeId === self.node.nodeId);
    if (replica !== undefined) own.set(partition, replica.replicaId);
  }
  return own;
}

/** Logs and votes of replicas that this node never had: the directory was put together by hand. */
function refuseForeign(options: StoreOptions, own: readonly number[]): void {
  const stored = [...options.wal.logIds(), ...options.hardState.replicaIds()];
  const stranger = stored.find((replicaId) => !own.includes(replicaId));
  if (stranger === undefined) return;
  throw new MemberError(
    MemberErrorCode.Foreign,
    `${options.layout.root} holds the log or the votes of replica ${stranger}, which node ` +
      `${options.self.node.nodeId} of cluster ${hex(options.self.clusterId)} never had`,
  );
}
