import fc from 'fast-check';
import { JointConfig } from './joint.js';
import { MajorityConfig } from './majority.js';
import { VoteResult } from './vote-result.js';

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 7 });
const lookup =
  <T>(values: ReadonlyMap<number, T>) =>
  (id: number): T | null =>
    values.get(id) ?? null;

/** The definition, word for word: the highest index that more than half of the voters have. */
function slowCommitted(voters: readonly number[], acked: ReadonlyMap<number, number>): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const candidates = [0, ...acked.values()];
  const reached = (index: number): boolean =>
    voters.filter((v) => (acked.get(v) ?? 0) >= index).length > voters.length / 2;
  return Math.max(...candidates.filter(reached));
}

function slowVote(voters: readonly number[], votes: ReadonlyMap<number, boolean>): VoteResult {
  const yes = voters.filter((v) => votes.get(v) === true).length;
  const no = voters.filter((v) => votes.get(v) === false).length;
  if (voters.length === 0 || yes > voters.length / 2) return VoteResult.VoteWon;
  const canStillWin = voters.length - no > voters.length / 2;
  return canStillWin ? VoteResult.VotePending : VoteResult.VoteLost;
}

describe('quorums', () => {
  const acked = fc.dictionary(fc.integer({ min: 1, max: 12 }).map(String), fc.nat(20));
  const votes = fc.dictionary(fc.integer({ min: 1, max: 12 }).map(String), fc.boolean());
  const toMap = <T>(o: Record<string, T>) =>
    new Map(Object.entries(o).map(([k, v]) => [Number(k), v] as const));

  it('commit what the definition of a majority says', () => {
    fc.assert(
      fc.property(ids, acked, (voters, values) => {
        const map = toMap(values);
        expect(new MajorityConfig(voters).committedIndex(lookup(map))).toBe(
          slowCommitted(voters, map),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('decide votes as the definition of a majority says', () => {
    fc.assert(
      fc.property(ids, votes, (voters, values) => {
        const map = toMap(values);
        expect(new MajorityConfig(voters).voteResult(lookup(map))).toBe(slowVote(voters, map));
      }),
      { numRuns: 500 },
    );
  });

  it('need both halves of a joint configuration', () => {
    fc.assert(
      fc.property(ids, ids, acked, votes, (a, b, ackedValues, voteValues) => {
        const joint = new JointConfig(a, b);
        const indexes = toMap(ackedValues);
        expect(joint.committedIndex(lookup(indexes))).toBe(
          Math.min(slowCommitted(a, indexes), slowCommitted(b, indexes)),
        );
        const map = toMap(voteValues);
        const halves = [slowVote(a, map), slowVote(b, map)];
        const expected = halves.includes(VoteResult.VoteLost)
          ? VoteResult.VoteLost
          : halves.includes(VoteResult.VotePending)
            ? VoteResult.VotePending
            : VoteResult.VoteWon;
        expect(joint.voteResult(lookup(map))).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('keep voters ascending and without duplicates', () => {
    expect(new MajorityConfig([3, 1, 3, 2]).voters).toEqual([1, 2, 3]);
    expect(new JointConfig([2, 1], [3, 2]).voters).toEqual([1, 2, 3]);
  });
});
