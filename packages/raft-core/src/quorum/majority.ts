import type { LogIndex, ReplicaId } from '../ids.js';
import { VoteResult } from './vote-result.js';

/** Index that a voter has acknowledged; null where nothing is known of it. */
export type AckedIndexOf = (id: ReplicaId) => LogIndex | null;
/** Vote of a voter: granted, refused, or null while it has not answered. */
export type VoteOf = (id: ReplicaId) => boolean | null;

/** A set of voters that decides by simple majority (etcd quorum/majority.go). */
export class MajorityConfig {
  /** Ascending, without duplicates. */
  readonly voters: readonly ReplicaId[];
  readonly #sorted: Float64Array;

  constructor(voters: readonly ReplicaId[]) {
    this.voters = [...new Set(voters)].sort((a, b) => a - b);
    this.#sorted = new Float64Array(this.voters.length);
  }

  /**
   * Highest index that a majority has acknowledged. The empty set commits everything (Infinity), so
   * that a joint configuration with one empty half behaves like the other half alone.
   */
  committedIndex(ackedOf: AckedIndexOf): LogIndex {
    const n = this.voters.length;
    if (n === 0) return Number.POSITIVE_INFINITY;
    const sorted = this.#sorted;
    for (let i = 0; i < n; i++) {
      const acked = ackedOf(this.voters[i]!) ?? 0;
      let at = i;
      for (; at > 0 && sorted[at - 1]! > acked; at--) sorted[at] = sorted[at - 1]!;
      sorted[at] = acked;
    }
    // With n = 2k + 1 or 2k + 2 voters k + 1 of the values stand at or above position n - (k + 1).
    return sorted[n - ((n >> 1) + 1)]!;
  }

  /** The empty set has won every vote. */
  voteResult(voteOf: VoteOf): VoteResult {
    const n = this.voters.length;
    if (n === 0) return VoteResult.VoteWon;
    let granted = 0;
    let unknown = 0;
    for (let i = 0; i < n; i++) {
      const vote = voteOf(this.voters[i]!);
      if (vote === null) unknown++;
      else if (vote) granted++;
    }
    const quorum = (n >> 1) + 1;
    if (granted >= quorum) return VoteResult.VoteWon;
    return granted + unknown >= quorum ? VoteResult.VotePending : VoteResult.VoteLost;
  }
}
