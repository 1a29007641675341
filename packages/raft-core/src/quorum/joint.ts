import type { LogIndex, ReplicaId } from '../ids.js';
import { type AckedIndexOf, MajorityConfig, type VoteOf } from './majority.js';
import { VoteResult } from './vote-result.js';

/** Two majorities that must agree (dissertation 4.3; etcd quorum/joint.go). Outside a change the outgoing half is empty. */
export class JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;
  /** Voters of either half, ascending. */
  readonly voters: readonly ReplicaId[];

  constructor(incoming: readonly ReplicaId[], outgoing: readonly ReplicaId[]) {
    this.incoming = new MajorityConfig(incoming);
    this.outgoing = new MajorityConfig(outgoing);
    this.voters = new MajorityConfig([...incoming, ...outgoing]).voters;
  }

  /** An index is committed when both halves have it. */
  committedIndex(ackedOf: AckedIndexOf): LogIndex {
    return Math.min(this.incoming.committedIndex(ackedOf), this.outgoing.committedIndex(ackedOf));
  }

  /** Won when both halves are won, lost as soon as one is. */
  voteResult(voteOf: VoteOf): VoteResult {
    const a = this.incoming.voteResult(voteOf);
    const b = this.outgoing.voteResult(voteOf);
    if (a === b) return a;
    if (a === VoteResult.VoteLost || b === VoteResult.VoteLost) return VoteResult.VoteLost;
    return VoteResult.VotePending;
  }
}
