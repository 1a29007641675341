import type { Clock, FileSystem, Logger, Metrics, Random } from '@dougdb/ports';
import type { Message } from '@dougdb/raft-core';
import { type HardStateStore, Replica, type ReplicaStatus, type Transport } from '@dougdb/replica';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { BlockCache, Db, type SstError } from '@dougdb/sstable';
import type { Wal } from '@dougdb/wal';
import { compareBytes } from '../compare-bytes.js';
import type { MemberSettings } from '../contract.js';
import { type DataDirLayout, replicaDir } from '../data-dir/layout.js';
import { hex } from '../genesis/record.js';
import { MemberError, MemberErrorCode } from '../member-error.js';
import type { Membership } from '../membership.js';
import type { MemberTelemetry } from '../telemetry.js';
import { asMemberError } from './fatal.js';
import { Ticker } from './ticker.js';

export interface StoreOptions {
  readonly self: Membership;
  readonly layout: DataDirLayout;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly telemetry: MemberTelemetry;
  readonly wal: Wal;
  readonly hardState: HardStateStore;
  readonly transport: Transport;
  readonly settings: MemberSettings;
  /** This start has made the cluster: the replicas have no past (S9). */
  readonly justMade: boolean;
  readonly onFatal: (error: MemberError) => void;
}

interface Slot {
  readonly replica: Replica;
  readonly db: Db;
  /** Node of each replica of the partition. */
  readonly nodeOf: ReadonlyMap<number, number>;
}

/** All replicas of one node: one WAL, one block cache, one clock that ticks them. */
export class Store {
  readonly #options: StoreOptions;
  readonly #slots = new Map<number, Slot>();
  readonly #ticker: Ticker;
  #closed = false;
  readonly #replayed: Promise<void>;
  #endReplay: { resolve: () => void; reject: (error: MemberError) => void } | null = null;

  private constructor(options: StoreOptions) {
    this.#options = options;
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
   * Opens this node's replicas and begins to tick them. They replay their logs in the background.
   * @throws MemberError
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options);
    const own = ownReplicas(options.self);
    refuseForeign(options, [...own.values()]);
    const cache = new BlockCache(options.settings.blockCacheBytes);
    try {
      for (const [descriptor, replicaId] of own) {
        await store.#openReplica(descriptor, replicaId, cache);
      }
    } catch (error) {
      await store.close();
      throw error;
    }
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

  /** The replica whose range holds the key. */
  byKey(key: Uint8Array): Replica | undefined {
    for (const { replica } of this.#slots.values()) {
      const { start, end } = replica.descriptor;
      if (compareBytes(key, start) >= 0 && (end.length === 0 || compareBytes(key, end) < 0)) {
        return replica;
      }
    }
    return undefined;
  }

  /** The only replica, as long as there is only one; then nothing has to be looked up by key. */
  get only(): Replica | undefined {
    if (this.#slots.size !== 1) return undefined;
    for (const { replica } of this.#slots.values()) return replica;
    return undefined;
  }

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
    for (const { replica, db } of this.#slots.values()) {
      await replica.close();
      await db.close();
    }
  }

  async #openReplica(
    descriptor: PartitionDescriptor,
    replicaId: number,
    cache: BlockCache,
  ): Promise<void> {
    const { layout, fs, clock, random, metrics, self, settings } = this.#options;
    const { partitionId } = descriptor;
    const dir = replicaDir(layout, partitionId, replicaId);
    const logger = this.#options.logger.child({ partition: partitionId, replica: replicaId });
    const doing = `opening replica ${replicaId} of partition ${partitionId}`;
    let db: Db | null = null;
    try {
      fs.mkdir(dir);
      await fs.syncDir(layout.partitions);
      db = await Db.open({
        fs,
        clock,
        random,
        logger,
        metrics,
        dir,
        cache,
        quarantineDir: layout.quarantine,
        identity: dbIdentity(self.clusterId, partitionId, replicaId),
        memtableBytes: settings.memtableBytes,
        onBackgroundError: (severity, error) => this.#backgroundError(severity, error, logger),
      });
      const replica = await Replica.open({
        clusterId: self.clusterId,
        nodeId: self.node.nodeId,
        replicaId,
        descriptor,
        genesisLogTime: self.record.logTime,
        db,
        wal: this.#options.wal,
        hardState: this.#options.hardState,
        transport: this.#options.transport,
        clock,
        random,
        justMade: this.#options.justMade,
        settings: settings.replica,
        logger,
        metrics,
        onFatal: (error) => this.#fatal(error, `replica ${replicaId} of partition ${partitionId}`),
      });
      const nodeOf = new Map(descriptor.replicas.map((r) => [r.replicaId, r.nodeId]));
      this.#slots.set(partitionId, { replica, db, nodeOf });
    } catch (error) {
      await db?.close();
      throw asMemberError(error, doing);
    }
  }

  #tick(): void {
    for (const { replica } of this.#slots.values()) replica.tick();
    if (this.#endReplay === null) return;
    if (this.statuses().some(({ state }) => state === 'starting')) return;
    this.#endReplay.resolve();
    this.#endReplay = null;
  }

  #backgroundError(severity: string, error: SstError, logger: Logger): void {
    const fields = { severity, code: error.code, reason: error.message };
    if (severity === 'fatal') this.#fatal(error, 'writing tables');
    else logger.warn('store.table.error', fields);
  }

  #fatal(error: unknown, doing: string): void {
    if (!this.#closed) this.#options.onFatal(asMemberError(error, doing));
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

/** Cluster, partition and replica, 32 bytes: what the manifest is checked against. */
export function dbIdentity(
  clusterId: Uint8Array,
  partitionId: number,
  replicaId: number,
): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  bytes.set(clusterId);
  for (const [at, value] of [
    [16, partitionId],
    [24, replicaId],
  ] as const) {
    view.setUint32(at, value % 2 ** 32, true);
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
  return bytes;
}
