import type { Message } from '@dougdb/raft-core';
import type { PartitionDescriptor, RouteHint } from '@dougdb/rpc-proto';
import type { DbIterator } from '@dougdb/sstable';
import type {
  AnswerSink,
  Consistency,
  ReplicaHeader,
  ReplicaOptions,
  ReplicaStatus,
  ScanOptions,
} from './contract.js';

/** One replica of one partition: Raft, log, state machine, sessions and reads tied together. */
export class Replica {
  /**
   * Restores state from the database, the log from the WAL and the hard state; nothing is served until
   * everything up to the durable commit hint is applied (S2).
   * @throws ReplicaError REPLICA_HARD_STATE (unreadable, missing beside a log, or older than the log), REPLICA_LOG_LOST,
   * REPLICA_STATE_CORRUPT
   */
  static open(_options: ReplicaOptions): Promise<Replica> {
    throw new Error('being written');
  }

  readonly replicaId: number = 0;
  readonly partitionId: number = 0;

  get descriptor(): PartitionDescriptor {
    throw new Error('being written');
  }

  /** One Raft tick (10 ms). */
  tick(): void {
    throw new Error('being written');
  }

  /** A message from another replica of the group, already decoded. Never throws. */
  step(_message: Message): void {
    throw new Error('being written');
  }

  reportUnreachable(_nodeId: number): void {
    throw new Error('being written');
  }

  /**
   * Takes one encoded Command, bytes[start, end), for the entry of this turn. Checks it whole first;
   * the bytes are copied before the call returns. The answer goes to sink under `id`: at once with a
   * refusal (NOT_APPLIED), later with the result. epochVersion 0: not checked.
   */
  write(
    _bytes: Uint8Array,
    _start: number,
    _end: number,
    _epochVersion: number,
    _deadlineMs: number,
    _sink: AnswerSink,
    _id: number,
  ): void {
    throw new Error('being written');
  }

  /** Reads one key; all linearizable reads of a turn share one ReadIndex round. */
  get(
    _key: Uint8Array,
    _consistency: Consistency,
    _epochVersion: number,
    _deadlineMs: number,
    _sink: AnswerSink,
    _id: number,
  ): void {
    throw new Error('being written');
  }

  /**
   * Waits for the read point, then opens an iterator over one consistent view. The caller closes it.
   * @throws DougError as get
   */
  scan(_options: ScanOptions, _epochVersion: number): Promise<DbIterator> {
    throw new Error('being written');
  }

  header(): ReplicaHeader {
    throw new Error('being written');
  }

  /** Where to go instead: descriptor, leader and log time as known here. Node addresses are the member's to add. */
  routeHint(): RouteHint {
    throw new Error('being written');
  }

  status(): ReplicaStatus {
    throw new Error('being written');
  }

  /** Begins a transfer to the best follower, or to the given replica. False if there is nobody. */
  transferLeadership(_toReplicaId?: number): boolean {
    throw new Error('being written');
  }

  /** Refuses new work with DRAINING, hands leadership over, resolves when nothing is pending or at the deadline. */
  drain(_deadlineMs: number): Promise<void> {
    throw new Error('being written');
  }

  /** Stops; whoever waits is answered (IN_DOUBT for appended writes). Does not close db or wal. */
  close(): Promise<void> {
    throw new Error('being written');
  }
}
