import type { Counter, Metrics } from '@dougdb/ports';

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
