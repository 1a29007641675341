import { VoteResult } from '../quorum/vote-result.js';
import { Tracker } from './tracker.js';

const limits = { maxInflightMsgs: 4, maxInflightBytes: 1000 };
const conf = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

describe('Tracker', () => {
  it('holds a progress for each member, ascending, learners too', () => {
    const tracker = new Tracker({ ...conf, voters: [3, 1], learners: [2] }, limits);
    expect(tracker.members.map((p) => [p.id, p.isLearner])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect([tracker.isVoter(1), tracker.isVoter(2), tracker.isVoter(4)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('counts a demoted voter until the joint configuration is left', () => {
    const joint = { ...conf, voters: [1, 2], votersOutgoing: [1, 2, 3], learnersNext: [3] };
    const tracker = new Tracker(joint, limits);
    expect([tracker.isVoter(3), tracker.isOnlyVoter(1)]).toEqual([true, false]);
  });

  it('commits what a quorum of both halves has and learners do not count', () => {
    const joint = { ...conf, voters: [1, 2], votersOutgoing: [3], learners: [4] };
    const tracker = new Tracker(joint, limits);
    for (const [id, match] of [
      [1, 9],
      [2, 7],
      [3, 5],
      [4, 9],
    ] as const)
      tracker.get(id)!.match = match;
    expect(tracker.committedIndex()).toBe(5);
    tracker.get(3)!.match = 8;
    expect(tracker.committedIndex()).toBe(7);
  });

  it('counts the first vote of a voter and no other', () => {
    const tracker = new Tracker({ ...conf, learners: [4] }, limits);
    tracker.recordVote(1, true);
    tracker.recordVote(2, false);
    tracker.recordVote(2, true);
    tracker.recordVote(4, true);
    tracker.recordVote(9, true);
    expect(tracker.tally()).toBe(VoteResult.VotePending);
    tracker.recordVote(3, true);
    expect(tracker.tally()).toBe(VoteResult.VoteWon);
    tracker.resetVotes();
    expect(tracker.tally()).toBe(VoteResult.VotePending);
  });

  it('is active while a quorum of voters is', () => {
    const tracker = new Tracker({ ...conf, learners: [4] }, limits);
    tracker.get(1)!.recentActive = true;
    tracker.get(4)!.recentActive = true;
    expect(tracker.quorumActive()).toBe(false);
    tracker.get(2)!.recentActive = true;
    expect(tracker.quorumActive()).toBe(true);
  });

  it('confirms a read round by answers to that round alone', () => {
    const tracker = new Tracker(conf, limits);
    tracker.get(1)!.readToken = 7;
    tracker.get(2)!.readToken = 6;
    expect(tracker.readConfirmed(7)).toBe(false);
    tracker.get(2)!.readToken = 7;
    expect(tracker.readConfirmed(7)).toBe(true);
  });
});
