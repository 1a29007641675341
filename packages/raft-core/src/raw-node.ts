import type { Config } from './config.js';
import { campaignIfAllowed } from './core/election.js';
import { Raft } from './core/raft.js';
import { readIndex } from './core/reads.js';
import { ReadyBuilder } from './core/ready-builder.js';
import { propose } from './core/replication.js';
import { reportSnapshot, reportUnreachable } from './core/reports.js';
import { step } from './core/step.js';
import { tick } from './core/tick.js';
import { transferLeader } from './core/transfer.js';
import type { ProposalData } from './entry.js';
import type { LogIndex, ReplicaId } from './ids.js';
import type { Message } from './message.js';
import type { AppendTicket, DropReason, Proposed, ReadTicket, Ready, StepStatus } from './ready.js';
import type { Status } from './status.js';
import type { Progress } from './tracker/progress.js';

/**
 * One replica of one Raft group. A host feeds it ticks, messages, proposals and reads, and carries
 * out what {@link RawNode.ready} asks for; the contract between them is in {@link Ready}. It is
 * synchronous, has no clock and no randomness of its own, and does the same again for the same input.
 *
 * Methods throw {@link RaftInvariantError} if an invariant is broken, {@link RawNode.step} never
 * because of what a message says.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #builder: ReadyBuilder;

  /**
   * Starts as follower from what `config.storage` holds.
   *
   * @throws RaftConfigError for a configuration that cannot work.
   * @throws RaftInvariantError if the stored state contradicts itself: entries of a term above the
   * hard state's, a commit hint above the log, a log that begins above the applied frontier.
   */
  constructor(config: Config) {
    this.#raft = new Raft(config);
    this.#builder = new ReadyBuilder(this.#raft);
  }

  /** One step of the logical clock. */
  tick(): void {
    tick(this.#raft);
  }

  /**
   * A message from another replica. The core keeps `m.entries`; nothing may change them afterwards.
   *
   * - 'ok': taken in; that includes requests for votes that are ignored on purpose (restart silence,
   *   a leader that is heard).
   * - 'stale', 'invalid', 'unknown-peer': see {@link StepStatus}.
   * - 'lost-log': nothing changed. The host must take this replica out of service: it acknowledged
   *   entries that it does not have.
   *
   * MsgSnap is answered 'invalid' by this version: installing snapshots is not there yet.
   */
  step(m: Message): StepStatus {
    return step(this.#raft, m);
  }

  /**
   * Appends proposals to the leader's log, all or none; they are sent by the next ready(). The core
   * keeps the bytes without copying them. Each accepted proposal ends in exactly one of these ways:
   * its (index, term) is handed out as committed, an entry of another term is handed out at its
   * index, or a Drop of kind 'proposals' covers it (then the first two may still follow).
   * No data at all is accepted as the empty range [last + 1, last].
   */
  propose(data: readonly ProposalData[]): Proposed {
    return propose(this.#raft, data);
  }

  /**
   * Asks for an index that makes reads linearizable: one ticket for as many reads as the host has at
   * the moment. The ticket ends in {@link Ready.reads} or {@link Ready.drops}, within one election
   * timeout. Works on every replica that knows a leader.
   *
   * @returns a ticket (a number) or why there is none (a string)
   */
  readIndex(): ReadTicket | DropReason {
    return readIndex(this.#raft);
  }

  /** Campaigns now, by pre-vote if that is on. Does nothing where a campaign is not allowed. */
  campaign(): void {
    campaignIfAllowed(this.#raft);
  }

  /**
   * Hands the leadership to voter `to` once it is caught up; given up after one election timeout.
   * Proposals are refused meanwhile.
   *
   * @returns false if this replica does not lead or `to` is not another voter
   */
  transferLeader(to: ReplicaId): boolean {
    return transferLeader(this.#raft, to);
  }

  /** A message to `id` could not be sent. */
  reportUnreachable(id: ReplicaId): void {
    reportUnreachable(this.#raft, id);
  }

  /** The snapshot that a MsgSnap to `id` announced has been streamed, or failed. */
  reportSnapshot(id: ReplicaId, ok: boolean): void {
    reportSnapshot(this.#raft, id, ok);
  }

  /** Whether ready() has anything to say. Cheap; allocates nothing. */
  hasReady(): boolean {
    return this.#builder.hasReady;
  }

  /** What the host has to do now; see {@link Ready}. */
  ready(): Ready {
    return this.#builder.build();
  }

  /**
   * Everything of `ticket`, and of all tickets before it, is durable. A ticket that was completed
   * before is ignored.
   */
  appended(ticket: AppendTicket): void {
    this.#builder.appended(ticket);
  }

  /** Committed entries up to `index` are applied. */
  applied(index: LogIndex): void {
    this.#raft.log.appliedTo(index);
  }

  /** A copy of the state, for diagnostics. */
  status(): Status {
    const r = this.#raft;
    return {
      id: r.id,
      term: r.term,
      vote: r.vote,
      leader: r.leader,
      role: r.role,
      commit: r.log.committed,
      applied: r.log.applied,
      durable: r.log.durable,
      firstIndex: r.log.firstIndex,
      lastIndex: r.log.lastIndex,
      leadTransferee: r.leadTransferee,
      uncommittedBytes: r.log.uncommittedBytes,
      pendingReads: r.reads.size + r.forwarded.size,
      confState: r.tracker.confState,
    };
  }

  /** Visits the members in ascending order of their ids; the values are the leader's, live. */
  progress(visit: (id: ReplicaId, p: Readonly<Progress>) => void): void {
    for (const p of this.#raft.tracker.members) visit(p.id, p);
  }
}
