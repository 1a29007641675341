import type { Entry } from '../entry.js';
import type { ReplicaId, Term } from '../ids.js';
import type { OpenTickets } from '../log/open-tickets.js';
import { type Message, MessageType } from '../message.js';
import type { Append, AppendTicket, Drop, ReadState, Ready, StateType } from '../ready.js';
import { buildAppends } from './append-sender.js';
import { handleSelfVoteDurable } from './election.js';
import { beginStepDown } from './hand-over.js';
import type { TicketOutbox } from './outbox.js';
import type { Raft } from './raft.js';
import { hasReadWork, startReads } from './reads.js';
import { checkRecovered, noteDamage, repairsDurable } from './repair.js';
import { handleSelfDurable } from './replication.js';
import { snapshotInstalled } from './snapshot.js';

const NO_MESSAGES: readonly Message[] = Object.freeze([]) as readonly Message[];
const NO_READS: readonly ReadState[] = Object.freeze([]) as readonly ReadState[];
const NO_DROPS: readonly Drop[] = Object.freeze([]) as readonly Drop[];
const NO_REPAIRS: readonly Entry[] = Object.freeze([]) as readonly Entry[];

/** Turns the state into Ready records and takes back completions: the host's side of a replica. */
export class ReadyBuilder {
  readonly #raft: Raft;
  readonly #out: TicketOutbox;
  readonly #tickets: OpenTickets;
  #term: Term;
  #vote: ReplicaId;
  #leader: ReplicaId;
  #role: StateType;

  constructor(raft: Raft, out: TicketOutbox, tickets: OpenTickets) {
    this.#raft = raft;
    this.#out = out;
    this.#tickets = tickets;
    this.#term = raft.term;
    this.#vote = raft.vote;
    this.#leader = raft.leader;
    this.#role = raft.role;
  }

  get hasReady(): boolean {
    const r = this.#raft;
    return (
      this.#out.messages.length > 0 ||
      this.#out.answers.length > 0 ||
      r.appendsDue ||
      r.log.hasUnhanded ||
      r.log.hasNextCommitted ||
      r.log.hasUnhandedSnapshot ||
      r.log.hasDropped ||
      r.repairs.hasUnhanded ||
      r.readStates.length > 0 ||
      r.drops.length > 0 ||
      hasReadWork(r) ||
      this.#hardStateChanged ||
      this.#softStateChanged
    );
  }

  build(): Ready {
    const r = this.#raft;
    startReads(r);
    buildAppends(r);
    const committed = r.log.takeNextCommitted();
    if (r.log.applyBlocked !== 0) noteDamage(r, r.log.applyBlocked);
    const softState = this.#softStateChanged ? { leader: r.leader, role: r.role } : null;
    const hardState = this.#hardStateChanged ? { term: r.term, vote: r.vote } : null;
    const waiting = this.#releaseDurableAnswers();
    const repairs = r.repairs.hasUnhanded ? r.repairs.takeUnhanded() : NO_REPAIRS;
    const append = this.#openTicket(waiting, repairs, hardState !== null);
    const messages = this.#out.messages.length > 0 ? this.#out.messages : NO_MESSAGES;
    const ready: Ready = {
      softState,
      hardState,
      append,
      messages,
      committed,
      repairs,
      reads: r.readStates.length > 0 ? r.readStates : NO_READS,
      drops: r.drops.length > 0 ? r.drops : NO_DROPS,
    };
    if (messages.length > 0) this.#out.messages = [];
    if (r.readStates.length > 0) r.readStates = [];
    if (r.drops.length > 0) r.drops = [];
    this.#term = r.term;
    this.#vote = r.vote;
    this.#leader = r.leader;
    this.#role = r.role;
    r.trace('Ready');
    return ready;
  }

  /** The host made a ticket, and all before it, durable. */
  appended(ticket: AppendTicket): void {
    const r = this.#raft;
    for (let done = this.#tickets.completeNext(ticket); done !== null; ) {
      r.log.durableTo(done.last);
      if (done.snapshotIndex !== 0) snapshotInstalled(r, done.snapshotIndex);
      repairsDurable(r, done.repairs);
      for (let i = 0; i < done.answers.length; i++) {
        const answer = done.answers[i]!;
        if (this.#isReleased(answer)) this.#out.send(answer);
      }
      if (r.isLeader) handleSelfDurable(r, r.log.durable);
      if (done.selfVoteTerm !== 0) handleSelfVoteDurable(r, done.selfVoteTerm);
      done = this.#tickets.completeNext(ticket);
    }
    checkRecovered(r);
    r.isDiskStalled &&= this.#isStalled;
  }

  /** With each tick: a disk that hangs must not hold the group. */
  checkDisk(): void {
    const r = this.#raft;
    if (!this.#isStalled || r.tracker.isOnlyVoter(r.id)) return;
    r.isDiskStalled = true;
    if (r.isLeader) beginStepDown(r, 'append-timeout');
  }

  get #isStalled(): boolean {
    const r = this.#raft;
    return this.#tickets.oldestAge(r.ticks) >= r.config.appendTimeoutTick;
  }

  get #hardStateChanged(): boolean {
    return this.#raft.term !== this.#term || this.#raft.vote !== this.#vote;
  }

  get #softStateChanged(): boolean {
    return this.#raft.leader !== this.#leader || this.#raft.role !== this.#role;
  }

  /** Acknowledgements of what is durable already leave now; the rest waits for the next ticket. */
  #releaseDurableAnswers(): readonly Message[] {
    const { answers } = this.#out;
    if (answers.length === 0) return NO_MESSAGES;
    this.#out.answers = [];
    const waiting: Message[] = [];
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i]!;
      if (answer.type === MessageType.MsgAppResp && this.#isReleased(answer)) {
        this.#out.send(answer);
      } else if (i + 1 === answers.length && waiting.length === 0) {
        // Mostly it is one, and an array made for one is smaller.
        return [answer];
      } else {
        waiting.push(answer);
      }
    }
    return waiting;
  }

  /**
   * INVARIANT(ack-durable): an acknowledgement names only what is durable and still in the log, and
   * whole: damage may have been found while it waited.
   */
  #isReleased(answer: Message): boolean {
    if (answer.type !== MessageType.MsgAppResp) return true;
    const { log, repairs } = this.#raft;
    const { firstDamaged } = repairs;
    return answer.index <= log.durable && (firstDamaged === 0 || answer.index < firstDamaged);
  }

  /** The acknowledgement that waits for a snapshot, which its ticket carries. */
  #takeInstallAnswer(): readonly Message[] {
    const r = this.#raft;
    const { installAnswer } = r;
    r.installAnswer = null;
    return installAnswer === null ? [] : [installAnswer];
  }

  #openTicket(
    waiting: readonly Message[],
    repairs: readonly Entry[],
    hasState: boolean,
  ): Append | null {
    const { log } = this.#raft;
    const entries = log.takeUnhanded();
    // A snapshot of what this log holds too comes after the entries that it stands for: a host installs
    // before it appends, and would find them below the beginning of its log.
    const isAfterEntries = entries[0] !== undefined && entries[0].index <= log.installingIndex;
    const snapshot = isAfterEntries ? null : log.takeUnhandedSnapshot();
    const answers = snapshot === null ? waiting : [...waiting, ...this.#takeInstallAnswer()];
    const truncateFrom = log.takeDropped();
    const hasLogWork = entries.length > 0 || snapshot !== null || truncateFrom !== 0;
    if (!hasLogWork && waiting.length === 0 && repairs.length === 0 && !hasState) return null;
    const ticket = this.#tickets.open({
      ticket: this.#tickets.next,
      last: entries[entries.length - 1]?.index ?? 0,
      answers,
      selfVoteTerm: this.#out.selfVoteTerm,
      snapshotIndex: snapshot?.index ?? 0,
      repairs,
      openedAt: this.#raft.ticks,
    });
    this.#out.selfVoteTerm = 0;
    const append = { ticket, entries, commit: log.committed, snapshot };
    return truncateFrom === 0 ? append : { ...append, truncateFrom };
  }
}
