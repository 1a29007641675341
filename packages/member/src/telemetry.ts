import type { Counter, Metrics } from '@dougdb/ports';
import type { ReplicaStatus } from '@dougdb/replica';

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

/**
 * Gauges over all replicas of the node, set just before they are read. They have no label for the
 * partition: a node may hold thousands.
 */
export function gaugeReplicas(metrics: Metrics, statuses: () => readonly ReplicaStatus[]): void {
  const gauge = (name: string, help: string): ((value: number) => void) => {
    const made = metrics.gauge({ name: `doug_${name}`, help });
    return (value) => made.set(value);
  };
  const hasLeader = gauge('server_has_leader', '1 when every replica here knows a leader, else 0.');
  const count = gauge('partition_count', 'Replicas on this node.');
  const leaders = gauge('partition_leaders', 'Replicas on this node that lead.');
  const term = gauge('raft_term', 'Highest term of the replicas here.');
  const gap = gauge(
    'raft_commit_apply_gap',
    'Entries committed and not yet applied, in all replicas.',
  );
  const log = gauge('raft_log_entries', 'Entries in the logs of all replicas.');
  const sessions = gauge('sessions', 'Sessions that replicas here remember.');
  metrics.onCollect(() => {
    const all = statuses();
    const sum = (of: (status: ReplicaStatus) => number): number =>
      all.reduce((total, status) => total + of(status), 0);
    hasLeader(all.length > 0 && all.every((s) => s.leaderReplicaId !== 0) ? 1 : 0);
    count(all.length);
    leaders(all.filter((s) => s.role === 'leader').length);
    term(Math.max(0, ...all.map((s) => s.term)));
    gap(sum((s) => s.commitIndex - s.appliedIndex));
    log(sum((s) => s.lastIndex - s.firstIndex + 1));
    sessions(sum((s) => s.sessions));
  });
}
