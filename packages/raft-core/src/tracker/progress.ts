import type { LogIndex, ReplicaId } from '../ids.js';
import type { Inflights } from './inflights.js';

/** etcd's names (tracker.StateType). */
export const ProgressState = { StateProbe: 0, StateReplicate: 1, StateSnapshot: 2 } as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** What ready() owes a follower: nothing, entries if there are any, or a MsgApp in any case. */
export const AppendDue = { None: 0, IfEntries: 1, EvenIfEmpty: 2 } as const;
export type AppendDue = (typeof AppendDue)[keyof typeof AppendDue];

/**
 * What the leader knows of one replica's log (etcd tracker/progress.go). The core changes it; hosts
 * see it read-only.
 *
 * - StateProbe: the match is unknown; one MsgApp at a time.
 * - StateReplicate: MsgApp messages are pipelined, `next` runs ahead of acknowledgements.
 * - StateSnapshot: the entries it needs are gone; nothing is sent until the snapshot's end is known.
 */
export class Progress {
  readonly id: ReplicaId;
  /** Counts in no quorum. */
  isLearner: boolean;
  readonly inflights: Inflights;
  /** Durable there and equal to the leader's log, up to here. Never falls within a term. */
  match: LogIndex = 0;
  /** The next entry to send. > match. */
  next: LogIndex = 1;
  state: ProgressState = ProgressState.StateProbe;
  /** StateSnapshot: index of the snapshot sent. */
  pendingSnapshot: LogIndex = 0;
  /** StateSnapshot: ticks since the last sign of progress. */
  snapshotElapsed = 0;
  /** Heard from since the last check of the quorum. */
  recentActive = false;
  /** No MsgApp until an acknowledgement or a heartbeat's answer comes. */
  msgAppFlowPaused = false;
  /** The commit index that was sent last; lower again after messages may have been lost. */
  sentCommit: LogIndex = 0;
  /** Vote in the running election; null while it has not answered. */
  vote: boolean | null = null;
  /** Newest heartbeat round that this replica confirmed. */
  readToken = 0;
  /** Send time of the newest heartbeat that this replica confirmed; 0: none. */
  leaseSentMs = 0;
  /** Names the life of a replica that lost entries; acknowledgements of other lives are void. 0: none. */
  repairToken = 0;
  /** This leader's last index when it heard of that loss. */
  repairUntil: LogIndex = 0;
  appendDue: AppendDue = AppendDue.None;

  constructor(id: ReplicaId, isLearner: boolean, inflights: Inflights) {
    this.id = id;
    this.isLearner = isLearner;
    this.inflights = inflights;
  }

  /** Start of a term: everything is forgotten, and the log's end is the first guess. */
  reset(lastIndex: LogIndex): void {
    this.match = 0;
    this.next = lastIndex + 1;
    this.#enter(ProgressState.StateProbe);
    this.recentActive = false;
    this.sentCommit = 0;
    this.vote = null;
    this.readToken = 0;
    this.leaseSentMs = 0;
    this.repairToken = 0;
    this.repairUntil = 0;
    this.appendDue = AppendDue.None;
  }

  becomeProbe(): void {
    // A snapshot that may have arrived saves probing the entries below it.
    this.next =
      this.state === ProgressState.StateSnapshot
        ? Math.max(this.match + 1, this.pendingSnapshot + 1)
        : this.match + 1;
    this.#enter(ProgressState.StateProbe);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#enter(ProgressState.StateReplicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#enter(ProgressState.StateSnapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  get isPaused(): boolean {
    return this.state === ProgressState.StateSnapshot || this.msgAppFlowPaused;
  }

  /** Entries [next, next + count) have been handed out; count may be 0. */
  sentEntries(count: number, sizeBytes: number): void {
    if (this.state === ProgressState.StateProbe) {
      if (count > 0) this.msgAppFlowPaused = true;
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, sizeBytes);
    }
    // A full window pauses; the answer to a heartbeat then lets one empty MsgApp out, so that a
    // window of lost messages cannot stall replication for ever.
    this.msgAppFlowPaused = this.inflights.full;
  }

  /**
   * The replica lost what it had from `from` on. The one case in which match falls: what was committed
   * with the help of those entries stays committed, and the replica does not vote until it has them back.
   */
  lost(from: LogIndex, token: number, lastIndex: LogIndex): void {
    this.match = Math.min(this.match, from - 1);
    // What stands below `from` there was not compared with this leader's log: it is probed.
    this.next = Math.max(this.match + 1, Math.min(this.next, from));
    this.#enter(ProgressState.StateProbe);
    this.sentCommit = Math.min(this.sentCommit, this.match);
    this.repairToken = token;
    this.repairUntil = lastIndex;
  }

  /** Whether a MsgApp would tell this follower of a higher commit index than it was told. */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** An acknowledgement: false if it is old news. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    this.snapshotElapsed = 0;
    return true;
  }

  /**
   * A rejection of the MsgApp after `rejected`; `hint` is where the logs may agree. False if the
   * rejection is stale: late, duplicated or reordered.
   */
  maybeDecrTo(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.state === ProgressState.StateReplicate) {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // While probing only the answer to the one message in flight counts.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.snapshotElapsed = 0;
    this.inflights.reset();
  }
}
