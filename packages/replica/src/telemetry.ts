import type { Counter, Histogram, Metrics } from '@dougdb/ports';

/**
 * Metrics of this package, shared by all replicas of a process. Gauges (terms, leaders, sessions,
 * pending entries, gap between commit and apply) are made by the host from `Replica.status()`: a
 * library of many groups cannot set them without a label for each.
 *
 * Log events: `replica.state` (from, to; for 'corrupt' also file and offset), `replica.stopped`,
 * `replica.wall_clock.jumped`, `replica.frontier.moved`,
 * `raft.leader.elected`, `raft.leader.lost`, `raft.leader.seen`, `raft.handover`, `raft.log.slow`,
 * `raft.log.no_space`, `raft.log.lost`, `raft.message.damaged`.
 */
export interface ReplicaTelemetry {
  readonly leaderChanges: Counter;
  readonly proposalsApplied: Counter;
  readonly proposalsFailed: Counter;
  readonly entriesApplied: Counter;
  readonly entryCommands: Histogram;
  readonly applySeconds: Histogram;
  readonly appendSeconds: Histogram;
  readonly readIndexSeconds: Histogram;
  readonly reads: Counter;
  readonly dedupHits: Counter;
  readonly comparesFailed: Counter;
  readonly looksWaited: Counter;
  readonly outcomesUnknown: Counter;
  readonly sessionsExpired: Counter;
  readonly messagesDamaged: Counter;
  readonly freezes: Counter;
  readonly keysExpired: Counter;
  readonly watchEvents: Counter;
  readonly watchBytes: Counter;
  readonly watchWindows: Counter;
  readonly watchesLagging: Counter;
}

const SECONDS = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5,
];
const COMMANDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** Declares them. Asking twice gives the same instruments. */
export function replicaTelemetry(metrics: Metrics): ReplicaTelemetry {
  const counter = (name: string, help: string, labels: readonly string[] = []): Counter =>
    metrics.counter({ name: `doug_${name}`, help, labels });
  const seconds = (name: string, help: string): Histogram =>
    metrics.histogram({ name: `doug_${name}`, help, buckets: SECONDS });
  return {
    leaderChanges: counter(
      'raft_leader_changes_total',
      'Changes of the leader that replicas here have seen.',
    ),
    proposalsApplied: counter(
      'raft_proposals_applied_total',
      'Commands proposed here whose entry was applied.',
    ),
    proposalsFailed: counter(
      'raft_proposals_failed_total',
      'Commands that Raft refused to append.',
      ['reason'],
    ),
    entriesApplied: counter('raft_entries_applied_total', 'Entries applied.'),
    entryCommands: metrics.histogram({
      name: 'doug_raft_entry_commands',
      help: 'Commands in an entry proposed here.',
      buckets: COMMANDS,
    }),
    applySeconds: seconds('raft_apply_duration_seconds', 'Length of one slice of applying.'),
    appendSeconds: seconds(
      'raft_append_duration_seconds',
      'Time from handing entries to the log until they are durable.',
    ),
    readIndexSeconds: seconds('raft_read_index_seconds', 'Length of a round of ReadIndex.'),
    reads: counter('reads_total', 'Reads answered from the state.', ['level']),
    dedupHits: counter('dedup_hits_total', 'Commands applied before under the same op id.'),
    comparesFailed: counter('compare_failed_total', 'Commands whose condition was not met.'),
    looksWaited: counter(
      'apply_looks_waited_total',
      'Commands whose look had to wait, as for a disk.',
    ),
    outcomesUnknown: counter('outcome_unknown_total', 'Writes answered IN_DOUBT.'),
    sessionsExpired: counter('sessions_expired_total', 'Sessions removed after their idle time.'),
    messagesDamaged: counter(
      'raft_messages_damaged_total',
      'Appends of peers dropped because an entry failed its checksum.',
    ),
    freezes: counter('raft_freezes_total', 'Memtables frozen with a state record.'),
    keysExpired: counter(
      'keys_expired_total',
      'Keys that leaders here let go when their time was over.',
    ),
    watchEvents: counter('watch_events_total', 'Changes told to watches.'),
    watchBytes: counter('watch_sent_bytes_total', 'Bytes of the changes told to watches.'),
    watchWindows: counter(
      'watch_windows_total',
      'Windows over older versions read for watches that were behind the newest changes.',
    ),
    watchesLagging: counter('watch_lagging_total', 'Watches ended because they took nothing.'),
  };
}
