import type { Clock, FileSystem, Logger, Metrics, Random } from '@dougdb/ports';
import {
  type ApplyObserver,
  type HardStateStore,
  type RefillTurn,
  Replica,
  type ReplicaSettings,
  type Transport,
  type WindowBudget,
} from '@dougdb/replica';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import {
  type BlockCache,
  Db,
  type JobScheduler,
  type MemtableBudget,
  type OpenFiles,
  type Scrubber,
  type SstError,
} from '@dougdb/sstable';
import type { Wal } from '@dougdb/wal';
import type { MemberSettings } from '../contract.js';
import { type DataDirLayout, replicaDir } from '../data-dir/layout.js';
import { META_PARTITION_ID } from '../genesis/record.js';
import type { MemberError } from '../member-error.js';
import type { Membership } from '../membership.js';
import { initialMetaRows } from '../meta/initial-rows.js';
import { DamageNews } from './damage-news.js';
import { asMemberError } from './fatal.js';

/** What all replicas of a node share. */
export interface SharedParts {
  readonly self: Membership;
  readonly layout: DataDirLayout;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly wal: Wal;
  readonly hardState: HardStateStore;
  readonly transport: Transport;
  readonly settings: MemberSettings;
  readonly cache: BlockCache;
  readonly budget: MemtableBudget;
  readonly scheduler: JobScheduler;
  readonly watchBudget: WindowBudget;
  readonly refillTurn: RefillTurn;
  readonly openFiles: OpenFiles;
  /** Null: nobody reads over the tables. */
  readonly scrubber: Scrubber | null;
  /** This start has made the cluster: the replicas have no past (S9). */
  readonly justMade: boolean;
  /** Which of these nodes had better lead next, when one of the replicas hands over. */
  readonly chooseSuccessor: (nodeIds: readonly number[]) => number;
  readonly observer?: ApplyObserver;
  readonly onFatal: (error: MemberError) => void;
}

/** A replica with its database. */
export interface Slot {
  readonly replica: Replica;
  readonly db: Db;
  /** Node of each replica of the partition. */
  readonly nodeOf: ReadonlyMap<number, number>;
}

/** Opens one replica in its directory, which is there. @throws MemberError; then nothing is left open */
export async function openReplica(
  shared: SharedParts,
  descriptor: PartitionDescriptor,
  replicaId: number,
): Promise<Slot> {
  const { self, clock, random, metrics, settings } = shared;
  const { partitionId } = descriptor;
  const logger = shared.logger.child({ partition: partitionId, replica: replicaId });
  const name = `replica ${replicaId} of partition ${partitionId}`;
  const fatal = (error: unknown, doing: string): void =>
    shared.onFatal(asMemberError(error, doing));
  let db: Db | null = null;
  const news = new DamageNews();
  try {
    db = await openDb(shared, partitionId, replicaId, logger, {
      fatal: (error) => fatal(error, `writing tables of ${name}`),
      damaged: (error) => news.tell(error),
    });
    const replica = await Replica.open({
      clusterId: self.clusterId,
      nodeId: self.node.nodeId,
      replicaId,
      descriptor,
      genesisLogTime: self.record.logTime,
      initialRows: partitionId === META_PARTITION_ID ? initialMetaRows(self.record) : [],
      db,
      wal: shared.wal,
      hardState: shared.hardState,
      transport: shared.transport,
      clock,
      random,
      justMade: shared.justMade,
      settings: replicaSettings(settings, partitionId),
      chooseSuccessor: shared.chooseSuccessor,
      watchBudget: shared.watchBudget,
      refillTurn: shared.refillTurn,
      logger,
      metrics,
      ...(shared.observer === undefined ? {} : { observer: shared.observer }),
      onFatal: (error) => fatal(error, name),
    });
    news.listen((error) => replica.tablesDamaged(error));
    return {
      replica,
      db,
      nodeOf: new Map(descriptor.replicas.map((r) => [r.replicaId, r.nodeId])),
    };
  } catch (error) {
    await db?.close();
    throw asMemberError(error, `opening ${name}`);
  }
}

function replicaSettings(
  { replica, leaseReads = false, tickMs }: MemberSettings,
  partitionId: number,
): ReplicaSettings {
  const settings = { ...replica, leaseTickMs: leaseReads ? tickMs : 0 };
  // Nobody reads what the meta group held before.
  return partitionId === META_PARTITION_ID ? { ...settings, historyMs: 0 } : settings;
}

function openDb(
  shared: SharedParts,
  partitionId: number,
  replicaId: number,
  logger: Logger,
  on: { readonly fatal: (error: SstError) => void; readonly damaged: (error: SstError) => void },
): Promise<Db> {
  const { layout, fs, clock, random, metrics, self, settings, cache, budget } = shared;
  return Db.open({
    fs,
    clock,
    random,
    logger,
    metrics,
    dir: replicaDir(layout, partitionId, replicaId),
    cache,
    budget,
    scheduler: shared.scheduler,
    openFiles: shared.openFiles,
    ...(shared.scrubber === null ? {} : { scrubber: shared.scrubber }),
    quarantineDir: layout.quarantine,
    identity: dbIdentity(self.clusterId, partitionId, replicaId),
    memtableBytes: settings.memtableBytes,
    onBackgroundError: (severity, error) => {
      if (severity === 'fatal') on.fatal(error);
      else logger.warn('store.table.error', { severity, code: error.code, reason: error.message });
    },
    onCorruption: ({ error }) => on.damaged(error),
  });
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
