import type { Counter, Metrics } from '@dougdb/ports';
import type { ReplicaStatus, WatchLoad } from '@dougdb/replica';
import { META_PARTITION_ID } from './genesis/record.js';

/** The member's metrics, one place, with units and help. */
export interface MemberTelemetry {
  /** Messages to peers that were dropped: no connection, or a full queue. */
  readonly peerDropped: Counter;
  readonly peerSentBytes: Counter;
  readonly peerReceivedBytes: Counter;
  /** Raft messages for a replica that is not here. */
  readonly unknownReplica: Counter;
  readonly handshakeRefused: Counter;
  /** Requests answered, by method and code. */
  readonly requests: Counter;
  /** Ticks that were left out because the loop was held up. */
  readonly ticksMissed: Counter;
}

export function memberTelemetry(metrics: Metrics): MemberTelemetry {
  return {
    peerDropped: metrics.counter({
      name: 'doug_peer_sent_failures_total',
      help: 'Messages to a peer that were dropped, by channel.',
      labels: ['channel'],
    }),
    peerSentBytes: metrics.counter({
      name: 'doug_peer_sent_bytes_total',
      help: 'Bytes of message batches handed to peer connections, by channel.',
      labels: ['channel'],
    }),
    peerReceivedBytes: metrics.counter({
      name: 'doug_peer_received_bytes_total',
      help: 'Bytes of message batches received from peers.',
    }),
    unknownReplica: metrics.counter({
      name: 'doug_peer_unknown_replica_total',
      help: 'Raft messages dropped because they are not for, or not from, a known replica.',
    }),
    handshakeRefused: metrics.counter({
      name: 'doug_peer_handshake_refused_total',
      help: 'Streams of peers that were refused at their handshake.',
    }),
    requests: metrics.counter({
      name: 'doug_requests_total',
      help: 'Unary calls and scans answered, by method and code.',
      labels: ['method', 'code'],
    }),
    ticksMissed: metrics.counter({
      name: 'doug_ticks_missed_total',
      help: 'Raft ticks left out because the event loop was held up.',
    }),
  };
}

/** What the gauges are read from. */
export interface GaugedNode {
  readonly statuses: readonly ReplicaStatus[];
  /** Memory that memtables hold, those included that wait for their flush. */
  readonly memtableBytes: number;
  readonly mapWatches: number;
  readonly openScans: number;
  readonly watchStreams: number;
  /** Of each replica. */
  readonly watchLoads: readonly WatchLoad[];
  /** Memory of windows over older versions. */
  readonly watchWindowBytes: number;
}

/**
 * Gauges over all replicas of the node, set just before they are read. They have no label for the
 * partition: a node may hold many. The meta group counts as a partition, and has one gauge of its own.
 */
export function gaugeNode(metrics: Metrics, read: () => GaugedNode): void {
  const gauge = (name: string, help: string): ((value: number) => void) => {
    const made = metrics.gauge({ name: `doug_${name}`, help });
    return (value) => made.set(value);
  };
  const hasLeader = gauge(
    'server_has_leader',
    '1 when every replica of users’ data here knows a leader, else 0.',
  );
  const metaHasLeader = gauge(
    'meta_has_leader',
    '1 when the replica of the meta group here knows a leader, else 0: then nothing about the cluster can change.',
  );
  const leaderless = gauge('partitions_without_leader', 'Replicas here that know no leader.');
  const outOfService = gauge(
    'partitions_out_of_service',
    'Replicas here that are corrupt or stopped.',
  );
  const count = gauge('partition_count', 'Replicas on this node, that of the meta group included.');
  const leaders = gauge('partition_leaders', 'Replicas on this node that lead.');
  const memtables = gauge('sst_memtable_bytes', 'Memory held by memtables of all partitions.');
  const watches = gauge('map_watches', 'Open watches of the partition map.');
  const scans = gauge('scans_open', 'Scans that are open: each holds an iterator.');
  const term = gauge('raft_term', 'Highest term of the replicas here.');
  const gap = gauge(
    'raft_commit_apply_gap',
    'Entries committed and not yet applied, in all replicas.',
  );
  const log = gauge('raft_log_entries', 'Entries in the logs of all replicas.');
  const sessions = gauge('sessions', 'Sessions that replicas here remember.');
  const setWatches = gaugeWatches(gauge);
  metrics.onCollect(() => {
    const node = read();
    const { statuses: all, memtableBytes, mapWatches, openScans } = node;
    setWatches(node);
    const knows = (s: ReplicaStatus): boolean => s.leaderReplicaId !== 0;
    const data = all.filter((s) => s.partitionId !== META_PARTITION_ID);
    const meta = all.find((s) => s.partitionId === META_PARTITION_ID);
    const sum = (of: (status: ReplicaStatus) => number): number =>
      all.reduce((total, status) => total + of(status), 0);
    hasLeader(data.length > 0 && data.every(knows) ? 1 : 0);
    metaHasLeader(meta !== undefined && knows(meta) ? 1 : 0);
    leaderless(all.filter((s) => !knows(s)).length);
    outOfService(all.filter((s) => s.state === 'corrupt' || s.state === 'stopped').length);
    memtables(memtableBytes);
    watches(mapWatches);
    scans(openScans);
    count(all.length);
    leaders(all.filter((s) => s.role === 'leader').length);
    term(Math.max(0, ...all.map((s) => s.term)));
    gap(sum((s) => s.commitIndex - s.appliedIndex));
    log(sum((s) => s.lastIndex - s.firstIndex + 1));
    sessions(sum((s) => s.sessions));
  });
}

function gaugeWatches(
  gauge: (name: string, help: string) => (value: number) => void,
): (node: GaugedNode) => void {
  const streams = gauge('watch_streams', 'Open streams of watches of clients.');
  const watches = gauge('watches', 'Open watches of clients.');
  const slow = gauge('watch_slow', 'Watches with something to tell that take nothing.');
  const lag = gauge('watch_lag_seconds', 'For how long the slowest watch has taken nothing.');
  const ring = gauge('watch_ring_bytes', 'Memory of the newest changes, for watches.');
  const window = gauge('watch_window_bytes', 'Memory of older changes on their way to watches.');
  return ({ watchStreams, watchLoads, watchWindowBytes }) => {
    const sum = (of: (load: WatchLoad) => number): number =>
      watchLoads.reduce((total, load) => total + of(load), 0);
    streams(watchStreams);
    watches(sum((load) => load.watches));
    slow(sum((load) => load.slow));
    lag(Math.max(0, ...watchLoads.map((load) => load.lagMs)) / 1000);
    ring(sum((load) => load.ringBytes));
    window(watchWindowBytes);
  };
}
