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

/** The configuration in force and one {@link Progress} for each of its members. */
export class Tracker {
  readonly confState: ConfState;
  readonly quorum: JointConfig;
  /** Ascending by id, so that nothing depends on the order of a Map. */
  readonly members: readonly Progress[];
  readonly #byId = new Map<ReplicaId, Progress>();
  #readToken = 0;

  constructor(confState: ConfState, limits: WindowLimits) {
    this.confState = confState;
    this.quorum = new JointConfig(confState.voters, confState.votersOutgoing);
    const voters = new Set(this.quorum.voters);
    const ids = [...new Set([...voters, ...confState.learners])].sort((a, b) => a - b);
    this.members = ids.map((id) => {
      const inflights = new Inflights(limits.maxInflightMsgs, limits.maxInflightBytes);
      return new Progress(id, !voters.has(id), inflights);
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

  /** Whether a quorum has answered a heartbeat of the read round `token`. */
  readConfirmed(token: number): boolean {
    this.#readToken = token;
    return this.quorum.voteResult(this.#confirmedOf) === VoteResult.VoteWon;
  }

  readonly #matchOf = (id: ReplicaId): LogIndex | null => this.#byId.get(id)?.match ?? null;
  readonly #voteOf = (id: ReplicaId): boolean | null => this.#byId.get(id)?.vote ?? null;
  readonly #activeOf = (id: ReplicaId): boolean => this.#byId.get(id)?.recentActive === true;
  readonly #confirmedOf = (id: ReplicaId): boolean =>
    this.#byId.get(id)?.readToken === this.#readToken;
}
