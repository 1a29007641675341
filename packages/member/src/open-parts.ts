import type { HardStateStore } from '@dougdb/replica';
import type { ClusterSettings } from '@dougdb/rpc-proto';
import { Wal } from '@dougdb/wal';
import type { MemberOptions } from './contract.js';
import { DataDir } from './data-dir/data-dir.js';
import { normalAddress, normalJoin } from './genesis/address.js';
import { hex, onOrOff, settingsDifference } from './genesis/record.js';
import { splitKeysFault } from './genesis/split-keys.js';
import { MemberError, MemberErrorCode } from './member-error.js';
import { type Membership, storedMembership } from './membership.js';
import { asMemberError } from './store/fatal.js';
import { PinnedLogs } from './store/pinned-logs.js';

/** What a member is made of before it belongs to anything. */
export interface OpenParts {
  readonly advertise: string;
  readonly join: readonly string[];
  readonly clusterSettings: ClusterSettings;
  readonly dataDir: DataDir;
  /** Null in an empty directory. */
  readonly membership: Membership | null;
  readonly wal: Wal;
  readonly pinnedLogs: PinnedLogs;
  readonly hardState: HardStateStore;
}

/**
 * Checks the options, takes the data directory and opens what is in it. Whatever was opened is closed
 * again when a later step fails.
 * @throws MemberError
 */
export async function openParts(options: MemberOptions): Promise<OpenParts> {
  const { advertise, join, clusterSettings } = checkOptions(options);
  const dataDir = await DataDir.open(options.fs, options.dataDir, options.random);
  const opened: (() => Promise<void>)[] = [() => dataDir.release()];
  try {
    const { layout, identity } = dataDir;
    const membership = storedMembership(identity, layout.nodeFile);
    if (membership !== null) checkSettings(options, clusterSettings, membership);
    const hardState = await options.openHardState(layout.raftMeta);
    opened.unshift(() => hardState.close());
    await options.fs.syncDir(layout.raftMeta);
    const pinnedLogs = new PinnedLogs();
    const wal = await openWal(options, dataDir, pinnedLogs);
    opened.unshift(() => wal.close());
    if (membership === null) refuseData(dataDir, wal, hardState);
    return { advertise, join, clusterSettings, dataDir, membership, wal, pinnedLogs, hardState };
  } catch (error) {
    for (const close of opened) await close();
    throw asMemberError(error, `opening the data directory ${options.dataDir}`);
  }
}

function checkOptions(options: MemberOptions): {
  advertise: string;
  join: string[];
  clusterSettings: ClusterSettings;
} {
  const { settings } = options;
  const advertise = normalAddress(options.advertise);
  const join = normalJoin(options.join);
  const splitFault = splitKeysFault(settings.splitAt);
  if (splitFault !== null)
    throw new MemberError(MemberErrorCode.Usage, `--split-at: ${splitFault}`);
  const factor = settings.replicationFactor;
  if (!Number.isSafeInteger(factor) || factor < 1 || factor % 2 === 0) {
    throw new MemberError(MemberErrorCode.Usage, `replication factor ${factor} is not odd`);
  }
  const clusterSettings: ClusterSettings = {
    replicationFactor: factor,
    heartbeatMs: settings.tickMs * settings.replica.heartbeatTicks,
    electionMinMs: settings.tickMs * settings.replica.electionTicks,
    splitAt: settings.splitAt.map((key) => new Uint8Array(key)),
    leaseReads: settings.leaseReads ?? false,
  };
  // No list: a cluster of one.
  return { advertise, join: join.length === 0 ? [advertise] : join, clusterSettings };
}

/**
 * Settings are fixed at genesis. Election times that differ, and voters that know of no leases, would break
 * what leases and stickiness promise; the rest only describes how the cluster was made.
 */
function checkSettings(options: MemberOptions, mine: ClusterSettings, self: Membership): void {
  const { heartbeatMs, electionMinMs } = self.settings;
  if (mine.heartbeatMs !== heartbeatMs || mine.electionMinMs !== electionMinMs) {
    throw new MemberError(
      MemberErrorCode.Foreign,
      `${options.dataDir} belongs to cluster ${hex(self.clusterId)} with election times ` +
        `${heartbeatMs}/${electionMinMs} ms; this start has ${mine.heartbeatMs}/${mine.electionMinMs} ms`,
    );
  }
  if (mine.leaseReads !== self.settings.leaseReads) {
    throw new MemberError(
      MemberErrorCode.Foreign,
      `${options.dataDir} belongs to cluster ${hex(self.clusterId)} with lease reads ` +
        `${onOrOff(self.settings.leaseReads)}; this start has them ${onOrOff(mine.leaseReads)}`,
    );
  }
  const reason = settingsDifference(mine, self.settings);
  if (reason !== null) options.logger.warn('member.settings.ignored', { reason });
}

/** Segments of the WAL beside what replicas retain before logs that lag behind are asked to let go. */
const SPARE_SEGMENTS = 8;

async function openWal(
  options: MemberOptions,
  dataDir: DataDir,
  pinnedLogs: PinnedLogs,
): Promise<Wal> {
  const { fs, clock, random, logger, metrics, settings } = options;
  const { walSegmentBytes: segmentBytes, replica } = settings;
  const { wal: dir, quarantine: quarantineDir } = dataDir.layout;
  const { wal, report } = await Wal.open({
    fs,
    clock,
    random,
    dir,
    quarantineDir,
    segmentBytes,
    // Replicas retain about twice their share: only more than that is a log that lags behind.
    collectAboveBytes: 2 * replica.retainLogBytes + SPARE_SEGMENTS * segmentBytes,
    onPinned: (pinned) => pinnedLogs.tell(pinned),
    mode: 'strict',
    logger,
    metrics,
  });
  if (report.tail === 'torn') logger.warn('wal.tail.cut', { sizeBytes: report.tornBytes });
  await fs.syncDir(dir);
  return wal;
}

/** A node without a cluster has promised nothing yet. */
function refuseData(dataDir: DataDir, wal: Wal, hardState: HardStateStore): void {
  if (wal.logIds().length === 0 && hardState.replicaIds().length === 0) return;
  throw new MemberError(
    MemberErrorCode.Corrupt,
    `${dataDir.layout.root} holds logs or votes, but its NODE file knows no cluster`,
  );
}
