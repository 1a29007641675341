import type { LogIndex, ReplicaId } from '../ids.js';
import { JointConfig } from '../quorum/joint.js';
import { VoteResult } from '../quorum/vote-result.js';
import type { ConfState } from '../storage.js';
import { Inflights } from './inflights.js';
import { Progress } from './progress.js';

/** Window limits of each follower. */
export interface WindowLimits {
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
}

/** What a new configuration takes over from the one before it. */
export interface Succession {
  readonly before: Tracker;
  /** Members whose progress of before, if there is one, is of another life. */
  readonly fresh: ReadonlySet<ReplicaId>;
  /** Newcomers are probed here first. */
  readonly lastIndex: LogIndex;
}

/** The configuration in force and one {@link Progress} for each of its members. Never changed: replaced. */
export class Tracker {
  readonly confState: ConfState;
  readonly quorum: JointConfig;
  /** Ascending by id, so that nothing depends on the order of a Map. */
  readonly members: readonly Progress[];
  readonly #byId = new Map<ReplicaId, Progress>();
  #readToken = 0;

  constructor(confState: ConfState, limits: WindowLimits, succession: Succession | null = null) {
    this.confState = confState;
    this.quorum = new JointConfig(confState.voters, confState.votersOutgoing);
    const voters = new Set(this.quorum.voters);
    const ids = [...new Set([...voters, ...confState.learners])].sort((a, b) => a - b);
    this.members = ids.map((id) => {
      const kept = succession?.fresh.has(id) ? undefined : succession?.before.get(id);
      if (kept !== undefined) {
        kept.isLearner = !voters.has(id);
        return kept;
      }
      const inflights = new Inflights(limits.maxInflightMsgs, limits.maxInflightBytes);
      const p = new Progress(id, !voters.has(id), inflights);
      if (succession !== null) {
        p.next = Math.max(succession.lastIndex, 1);
        // Or the next check of the quorum would depose the leader for a member that could not yet answer.
        p.recentActive = true;
      }
      return p;
    });
    for (const p of this.members) this.#byId.set(p.id, p);
  }

  get(id: ReplicaId): Progress | undefined {
    return this.#byId.get(id);
  }

  /** Member of either half of the quorum. */
  isVoter(id: ReplicaId): boolean {
    const p = this.#byId.get(id);
    return p !== undefined && !p.isLearner;
  }

  isOnlyVoter(id: ReplicaId): boolean {
    return this.quorum.voters.length === 1 && this.quorum.voters[0] === id;
  }

  /** Highest index durable on a quorum. */
  committedIndex(): LogIndex {
    return this.quorum.committedIndex(this.#matchOf);
  }

  /** Latest time by which a quorum has confirmed this leadership. */
  leaseStart(): number {
    return this.quorum.committedIndex(this.#leaseOf);
  }

  resetVotes(): void {
    for (const p of this.members) p.vote = null;
  }

  /** The first answer of a voter counts; what others say does not. */
  recordVote(id: ReplicaId, granted: boolean): void {
    const p = this.#byId.get(id);
    if (p !== undefined && !p.isLearner && p.vote === null) p.vote = granted;
  }

  tally(): VoteResult {
    return this.quorum.voteResult(this.#voteOf);
  }

  quorumActive(): boolean {
    return this.quorum.voteResult(this.#activeOf) === VoteResult.VoteWon;
  }

  /** Whether a quorum has answered a heartbeat sent in the read round `token` or later. */
  readConfirmed(token: number): boolean {
    this.#readToken = token;
    return this.quorum.voteResult(this.#confirmedOf) === VoteResult.VoteWon;
  }

  readonly #matchOf = (id: ReplicaId): LogIndex | null => this.#byId.get(id)?.match ?? null;
  readonly #leaseOf = (id: ReplicaId): number | null => this.#byId.get(id)?.leaseSentMs ?? null;
  readonly #voteOf = (id: ReplicaId): boolean | null => this.#byId.get(id)?.vote ?? null;
  readonly #activeOf = (id: ReplicaId): boolean => this.#byId.get(id)?.recentActive === true;
  readonly #confirmedOf = (id: ReplicaId): boolean =>
    (this.#byId.get(id)?.readToken ?? 0) >= this.#readToken;
}
