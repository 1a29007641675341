import type { ConfChange } from './confchange/conf-change.js';
import { encodeConfChange } from './confchange/conf-change-format.js';
import type { Config } from './config.js';
import { campaignIfAllowed, forgetLeader } from './core/election.js';
import {
  type AppliedConf,
  applyConfChange,
  checkConfApplied,
  maybeAutoLeave,
  proposeConfChange,
} from './core/membership.js';
import { TicketOutbox } from './core/outbox.js';
import { Raft } from './core/raft.js';
import { leaseReadIndex, readIndex } from './core/reads.js';
import { ReadyBuilder } from './core/ready-builder.js';
import { flushed } from './core/repair.js';
import { propose } from './core/replication.js';
import { reportSnapshot, reportUnreachable } from './core/reports.js';
import { requestSnapshot } from './core/snapshot.js';
import { step } from './core/step.js';
import { tick } from './core/tick.js';
import { transferLeader } from './core/transfer.js';
import { EntryType, type ProposalData } from './entry.js';
import type { LogIndex, ReplicaId } from './ids.js';
import { OpenTickets } from './log/open-tickets.js';
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
  /** Inputs are named for the trace only if there is one: it must cost nothing otherwise. */
  readonly #isTraced: boolean;

  /**
   * Starts as follower from what `config.storage` holds.
   *
   * @throws RaftConfigError for a configuration that cannot work.
   * @throws RaftInvariantError if the stored state contradicts itself: entries of a term above the
   * hard state's, a commit hint above the log, a log that begins above the applied frontier.
   */
  constructor(config: Config) {
    const tickets = new OpenTickets();
    const out = new TicketOutbox(tickets, () => this.#raft.log.durable);
    this.#isTraced = config.trace !== null;
    this.#raft = new Raft(config, () => out);
    this.#builder = new ReadyBuilder(this.#raft, out, tickets);
  }

  /**
   * One step of the logical clock.
   * @param nowMs - monotonic milliseconds; needed for a lease and for the guard against stalls only
   */
  tick(nowMs = 0): void {
    if (this.#isTraced) this.#traceInput('tick', [nowMs]);
    tick(this.#raft, nowMs);
    this.#builder.checkDisk();
  }

  /**
   * A message from another replica. The core keeps `m.entries`; nothing may change them afterwards.
   * A MsgSnap is stepped only when the host has received the bytes it announces.
   *
   * - 'ok': taken in; that includes requests for votes that are ignored on purpose (restart silence,
   *   a leader that is heard).
   * - 'stale', 'invalid', 'unknown-peer': see {@link StepStatus}.
   * - 'lost-log': nothing changed. The host must take this replica out of service: it acknowledged
   *   entries that it does not have.
   */
  step(m: Message): StepStatus {
    if (this.#isTraced) this.#traceInput('step', [m]);
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
    if (this.#isTraced) this.#traceInput('propose', [data]);
    return propose(this.#raft, data);
  }

  /**
   * Proposes a change of the configuration, as an entry of its own. It takes effect when its entry is
   * applied, see {@link RawNode.applyConfChange}; one at a time is under way.
   *
   * @param data - the entry's bytes, for hosts with a format of their own; by default those of
   * {@link encodeConfChange}. Empty bytes always mean {@link LEAVE_JOINT}.
   */
  proposeConfChange(change: ConfChange, data?: ProposalData): Proposed {
    if (this.#isTraced)
      this.#traceInput('proposeConfChange', data === undefined ? [change] : [change, data]);
    return proposeConfChange(this.#raft, change, {
      data: data ?? { data: encodeConfChange(change), checksum: 0 },
      type: EntryType.EntryConfChangeV2,
    });
  }

  /**
   * The next configuration change that was handed out as committed takes effect. Called once for each,
   * in order, before its index is reported by {@link RawNode.applied}.
   *
   * @param change - what the entry says; null voids it (on all replicas alike)
   * @returns the configuration now in force, which belongs into the state machine's own durable
   * state, and why the change was void, if it was
   */
  applyConfChange(change: ConfChange | null): AppliedConf {
    if (this.#isTraced) this.#traceInput('applyConfChange', [change]);
    return applyConfChange(this.#raft, change);
  }

  /**
   * Asks for an index that makes reads linearizable: one ticket for as many reads as the host has at
   * the moment. The ticket ends in {@link Ready.reads} or {@link Ready.drops}, within one election
   * timeout. Works on every replica that knows a leader.
   *
   * @returns a ticket (a number) or why there is none (a string)
   */
  readIndex(): ReadTicket | DropReason {
    if (this.#isTraced) this.#traceInput('readIndex', []);
    return readIndex(this.#raft);
  }

  /**
   * Under a valid lease the index that a read has to wait for; null without. The host applies up to
   * it, reads, and asks {@link RawNode.leaseValid} again before it answers.
   */
  leaseReadIndex(nowMs: number): LogIndex | null {
    return leaseReadIndex(this.#raft, nowMs);
  }

  /** Whether no other replica can lead at `nowMs` (monotonic milliseconds). False unless leases are on. */
  leaseValid(nowMs: number): boolean {
    return leaseReadIndex(this.#raft, nowMs) !== null;
  }

  /** Campaigns now, by pre-vote if that is on. Does nothing where a campaign is not allowed. */
  campaign(): void {
    if (this.#isTraced) this.#traceInput('campaign', []);
    campaignIfAllowed(this.#raft);
  }

  /**
   * Hands the leadership to voter `to` once it is caught up; given up after one election timeout.
   * Proposals are refused meanwhile.
   *
   * @returns false if this replica does not lead or `to` is not another voter
   */
  transferLeader(to: ReplicaId): boolean {
    if (this.#isTraced) this.#traceInput('transferLeader', [to]);
    return transferLeader(this.#raft, to);
  }

  /**
   * Forgets who leads, so that this replica grants votes although it has heard of a leader lately: for
   * hosts that know the leader to be gone.
   *
   * @returns false if this replica leads, or if leases forbid it
   */
  forgetLeader(): boolean {
    if (this.#isTraced) this.#traceInput('forgetLeader', []);
    return forgetLeader(this.#raft);
  }

  /** A message to `id` could not be sent. */
  reportUnreachable(id: ReplicaId): void {
    if (this.#isTraced) this.#traceInput('reportUnreachable', [id]);
    reportUnreachable(this.#raft, id);
  }

  /** The snapshot that a MsgSnap to `id` announced has been streamed, or failed. */
  reportSnapshot(id: ReplicaId, ok: boolean): void {
    if (this.#isTraced) this.#traceInput('reportSnapshot', [id, ok]);
    reportSnapshot(this.#raft, id, ok);
  }

  /**
   * The state machine of this replica is damaged while its log and hard state are whole: it asks its
   * leader for a snapshot until one comes in {@link Ready.append}; a leader hands over first. It does not
   * campaign, unless nobody else has led for four election timeouts: its log may be the newest. Then it
   * leads only to hand its log to another voter, and takes no proposals.
   *
   * Entries are handed out meanwhile: the host goes on giving configuration changes to
   * {@link RawNode.applyConfChange} and reporting what it was handed, whatever it does with the rest. What
   * was applied above the snapshot that comes is handed out again; until then nothing is flushed and the
   * log is not compacted.
   */
  requestSnapshot(): void {
    if (this.#isTraced) this.#traceInput('requestSnapshot', []);
    requestSnapshot(this.#raft);
  }

  /** Whether ready() has anything to say. Cheap; allocates nothing. */
  hasReady(): boolean {
    return this.#builder.hasReady;
  }

  /** What the host has to do now; see {@link Ready}. */
  ready(): Ready {
    if (this.#isTraced) this.#traceInput('ready', []);
    return this.#builder.build();
  }

  /**
   * Everything of `ticket`, and of all tickets before it, is durable. A ticket that was completed
   * before is ignored.
   */
  appended(ticket: AppendTicket): void {
    if (this.#isTraced) this.#traceInput('appended', [ticket]);
    this.#builder.appended(ticket);
  }

  /** Committed entries up to `index` are applied. */
  applied(index: LogIndex): void {
    if (this.#isTraced) this.#traceInput('applied', [index]);
    const r = this.#raft;
    checkConfApplied(r, index);
    r.log.appliedTo(index);
    maybeAutoLeave(r);
  }

  /**
   * The state machine holds everything up to `index` durably, with its configuration: where
   * `Config.applied` would be after a restart. Damaged entries up to there need no repair, nor does the
   * log up to there have to be kept. Optional; without it a damaged entry that nobody else has any more
   * holds back acknowledgements until the log is compacted past it.
   */
  flushed(index: LogIndex): void {
    if (this.#isTraced) this.#traceInput('flushed', [index]);
    flushed(this.#raft, index);
  }

  /** Highest index known to be committed. */
  get commitIndex(): LogIndex {
    return this.#raft.log.committed;
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
      pendingConfIndex: r.pendingConfIndex > r.log.applied ? r.pendingConfIndex : 0,
      steppingDown: r.steppingDown,
      isInstalling: r.log.isInstalling,
      isRecovering: r.repairs.isRecovering,
      damaged: r.repairs.damaged,
    };
  }

  /** Visits the members in ascending order of their ids; the values are the leader's, live. */
  progress(visit: (id: ReplicaId, p: Readonly<Progress>) => void): void {
    for (const p of this.#raft.tracker.members) visit(p.id, p);
  }

  #traceInput(call: string, args: readonly unknown[]): void {
    this.#raft.trace('Input', { input: { call, args } });
  }
}
