import { changeOf, Host, message, voters } from '../../test/harness/host.js';
import { EntryType, encodeConfChange, MessageType, StateType } from '../index.js';

const {
  MsgVote,
  MsgVoteResp,
  MsgPreVote,
  MsgPreVoteResp,
  MsgApp,
  MsgAppResp,
  MsgHeartbeat,
  MsgTimeoutNow,
} = MessageType;
const { StateFollower, StatePreCandidate, StateCandidate, StateLeader } = StateType;

const types = (messages: readonly { type: number }[]) => messages.map((m) => m.type);

describe('pre-vote', () => {
  it('asks in the next term without entering it', () => {
    const host = new Host(1, { terms: [1, 2], hardState: { term: 3, vote: 2 } });
    host.node.campaign();
    const sent = host.run();
    expect(sent).toMatchObject([
      { type: MsgPreVote, to: 2, term: 4, index: 2, logTerm: 2, force: false },
      { type: MsgPreVote, to: 3, term: 4 },
    ]);
    expect(host.node.status()).toMatchObject({
      term: 3,
      vote: 2,
      role: StatePreCandidate,
      leader: 0,
    });
    expect(host.storage.initialState().hardState).toMatchObject({ term: 3, vote: 2 });
  });

  it('becomes a candidacy once a quorum would vote', () => {
    const host = new Host(1);
    host.node.campaign();
    host.run();
    const sent = host.step(message(MsgPreVoteResp, 2, 1, 1));
    expect(types(sent)).toEqual([MsgVote, MsgVote]);
    expect(host.node.status()).toMatchObject({ term: 1, vote: 1, role: StateCandidate });
  });

  it('is given up when a quorum refuses, in the term it began in', () => {
    const host = new Host(1, { hardState: { term: 1, vote: 0 } });
    host.node.campaign();
    host.run();
    host.step(
      message(MsgPreVoteResp, 2, 1, 1, { reject: true }),
      message(MsgPreVoteResp, 3, 1, 1, { reject: true }),
    );
    expect(host.node.status()).toMatchObject({ term: 1, role: StateFollower });
  });

  it('is granted in the term asked for, without adopting it or voting', () => {
    const host = new Host(1, { hardState: { term: 2, vote: 3 } });
    const sent = host.step(message(MsgPreVote, 2, 1, 9));
    expect(sent).toMatchObject([{ type: MsgPreVoteResp, to: 2, term: 9, reject: false }]);
    expect(host.node.status()).toMatchObject({ term: 2, vote: 3 });
    expect(host.open).toEqual([]);
  });

  it('is refused in the own term to a shorter log, which tells the asker of that term', () => {
    const host = new Host(1, { terms: [1, 2], hardState: { term: 7, vote: 0 } });
    expect(host.step(message(MsgPreVote, 2, 1, 9, { index: 5, logTerm: 1 }))).toMatchObject([
      { type: MsgPreVoteResp, term: 7, reject: true },
    ]);
    expect(host.step(message(MsgPreVote, 2, 1, 3, { index: 5, logTerm: 2 }))).toMatchObject([
      { type: MsgPreVoteResp, term: 7, reject: true },
    ]);
  });

  it('adopts the higher term of a refusal, or the group would be stuck (etcd#8501)', () => {
    const host = new Host(1);
    host.node.campaign();
    host.run();
    host.step(message(MsgPreVoteResp, 2, 1, 7, { reject: true }));
    expect(host.node.status()).toMatchObject({ term: 7, role: StateFollower });
  });

  it('ignores grants for another term, and late ones once it is a candidate', () => {
    const host = new Host(1, { conf: voters(1, 2, 3, 4, 5) });
    host.node.campaign();
    host.run();
    expect(host.node.step(message(MsgPreVoteResp, 2, 1, 5))).toBe('stale');
    host.step(message(MsgPreVoteResp, 2, 1, 1), message(MsgPreVoteResp, 3, 1, 1));
    expect(host.node.status().role).toBe(StateCandidate);
    host.step(message(MsgPreVoteResp, 4, 1, 1), message(MsgPreVoteResp, 5, 1, 1));
    expect(host.node.status()).toMatchObject({ term: 1, role: StateCandidate });
  });
});

describe('a vote', () => {
  it('keeps INVARIANT(vote-durable): leaves only when its ticket is complete', () => {
    const host = new Host(1);
    host.autoAppend = false;
    expect(host.step(message(MsgVote, 2, 1, 1))).toEqual([]);
    expect(host.storage.initialState().hardState).toMatchObject({ term: 1, vote: 2 });
    expect(host.open).toMatchObject([{ ticket: 1, entries: [] }]);
    host.completeNext();
    expect(host.run()).toMatchObject([{ type: MsgVoteResp, to: 2, term: 1, reject: false }]);
  });

  it('is stored also where the term is known already and the vote alone is new', () => {
    const host = new Host(1);
    host.step(message(MsgVoteResp, 2, 1, 3, { reject: true }));
    expect(host.storage.initialState().hardState).toMatchObject({ term: 3, vote: 0 });
    host.step(message(MsgVote, 2, 1, 3));
    expect(host.storage.initialState().hardState).toMatchObject({ term: 3, vote: 2 });
  });

  it('of its own counts only when its ticket is complete, with one voter too', () => {
    const host = new Host(1, { conf: voters(1) });
    host.autoAppend = false;
    host.node.campaign();
    host.run();
    expect(host.node.status()).toMatchObject({ term: 1, vote: 1, role: StateCandidate });
    host.completeNext();
    expect(host.node.status().role).toBe(StateLeader);
  });

  it('of its own in a term that is over does not count', () => {
    const host = new Host(1, { preVote: false });
    host.autoAppend = false;
    host.node.campaign();
    host.run();
    host.node.step(message(MsgVoteResp, 2, 1, 4, { reject: true }));
    host.node.campaign();
    host.completeAll();
    host.run();
    expect(host.node.status()).toMatchObject({ term: 5, role: StateCandidate });
    host.node.step(message(MsgVoteResp, 2, 1, 5));
    expect(host.node.status().role).toBe(StateCandidate);
    host.completeAll();
    expect(host.node.status().role).toBe(StateLeader);
  });

  it('is given to a candidate by a learner as well: it may have been promoted unknowingly', () => {
    const conf = { ...voters(1, 2), learners: [3] };
    const host = new Host(3, { conf });
    expect(host.step(message(MsgVote, 1, 3, 1))).toMatchObject([
      { type: MsgVoteResp, reject: false },
    ]);
  });

  it('is not given in a term whose leader is known', () => {
    const host = new Host(1);
    host.step(message(MsgHeartbeat, 2, 1, 3));
    expect(host.step(message(MsgVote, 3, 1, 3))).toMatchObject([
      { type: MsgVoteResp, reject: true },
    ]);
  });

  it('of a learner is not counted, nor is a second one of the same voter', () => {
    const conf = { ...voters(1, 2, 3, 5, 6), learners: [4] };
    const host = new Host(1, { conf, preVote: false });
    host.node.campaign();
    host.run();
    host.step(
      message(MsgVoteResp, 4, 1, 1),
      message(MsgVoteResp, 2, 1, 1),
      message(MsgVoteResp, 2, 1, 1),
    );
    expect(host.node.status().role).toBe(StateCandidate);
    host.step(message(MsgVoteResp, 3, 1, 1));
    expect(host.node.status().role).toBe(StateLeader);
  });
});

describe('a campaign', () => {
  it('is never begun by a learner or by one outside the configuration', () => {
    for (const conf of [{ ...voters(2, 3), learners: [1] }, voters(2, 3), voters()]) {
      const host = new Host(1, { conf });
      host.tick(100);
      host.node.campaign();
      host.run();
      expect(host.node.status()).toMatchObject({ term: 0, role: StateFollower });
    }
  });

  it('keeps INVARIANT(conf-durably-committed): waits until all that was committed at the start is applied', () => {
    const host = new Host(1, { terms: [1, 1, 1], commit: 3, applied: 1 });
    host.autoApply = false;
    host.node.campaign();
    host.tick(100);
    host.node.applied(2);
    host.node.campaign();
    host.run();
    expect(host.node.status()).toMatchObject({ term: 1, role: StateFollower });
    host.node.applied(3);
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StatePreCandidate);
  });

  it('does not wait for what is committed later', () => {
    const host = new Host(1, { terms: [1, 1, 1], commit: 1, applied: 1 });
    host.autoApply = false;
    host.step(message(MsgHeartbeat, 2, 1, 1, { commit: 3 }));
    host.node.campaign();
    host.run();
    expect(host.node.status()).toMatchObject({ commit: 3, applied: 1, role: StatePreCandidate });
  });

  it('begins after a random number of ticks between one and two election timeouts', () => {
    const ticksToCampaign = (random: number): number => {
      const host = new Host(1, { electionTick: 10, heartbeatTick: 1, random: () => random });
      for (let ticks = 1; ; ticks++) {
        host.tick();
        if (host.node.status().role === StatePreCandidate) return ticks;
      }
    };
    expect([0, 0.5, 0.999].map(ticksToCampaign)).toEqual([10, 15, 19]);
  });

  it('is repeated when it finds no quorum', () => {
    const host = new Host(1, { preVote: false, electionTick: 10, heartbeatTick: 1 });
    host.tick(10);
    expect(host.node.status().term).toBe(1);
    host.tick(10);
    expect(host.node.status().term).toBe(2);
  });
});

describe('restart silence', () => {
  const options = { restartSilence: true, electionTick: 10, heartbeatTick: 1 };

  it('keeps INVARIANT(restart-silence): no vote, no pre-vote, no campaign for one election timeout', () => {
    const host = new Host(1, options);
    const ask = () =>
      host.step(
        message(MsgVote, 2, 1, 5, { force: true }),
        message(MsgPreVote, 2, 1, 6),
        message(MsgVote, 3, 1, 5),
      );
    host.node.campaign();
    expect(ask()).toEqual([]);
    host.tick(9);
    host.node.campaign();
    expect(ask()).toEqual([]);
    expect(host.node.status()).toMatchObject({ term: 0, vote: 0, role: StateFollower });
    host.tick();
    expect(types(ask())).toContain(MsgVoteResp);
  });

  it('does not campaign at the wish of a leader either', () => {
    const host = new Host(1, options);
    host.step(message(MsgHeartbeat, 2, 1, 1), message(MsgTimeoutNow, 2, 1, 1));
    expect(host.node.status()).toMatchObject({ term: 1, role: StateFollower });
  });

  it('follows a leader meanwhile', () => {
    const host = new Host(1, options);
    expect(types(host.step(message(MsgApp, 2, 1, 3)))).toEqual([MsgAppResp]);
    expect(host.node.status()).toMatchObject({ term: 3, leader: 2 });
  });

  it('is for an only voter that may have got company: what says so is not applied yet', () => {
    const change = {
      ...{ term: 1, index: 1, type: EntryType.EntryConfChangeV2, checksum: 0 },
      data: encodeConfChange(changeOf('v2 v3')),
    };
    const more = { ...options, conf: voters(1), hardState: { term: 1, vote: 0 } };
    const host = new Host(1, more, (storage) => storage.append([change], 1));
    host.run();
    expect(host.node.status().confState).toMatchObject({ voters: [1, 2, 3] });
    expect(host.step(message(MsgVote, 3, 1, 2, { index: 9, logTerm: 1, force: true }))).toEqual([]);
    host.tick(10);
    expect(types(host.step(message(MsgVote, 3, 1, 2, { index: 9, logTerm: 1 })))).toEqual([
      MsgVoteResp,
    ]);
  });

  it('is not for an only voter', () => {
    const host = new Host(1, { ...options, conf: voters(1) });
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StateLeader);
  });
});

describe('leader stickiness', () => {
  const options = { electionTick: 10, heartbeatTick: 1 };

  it('ignores requests for votes while a leader was heard in the last election timeout', () => {
    const host = new Host(1, { ...options, random: () => 0.99 });
    host.step(message(MsgHeartbeat, 2, 1, 1));
    host.tick(9);
    expect(host.step(message(MsgVote, 3, 1, 2), message(MsgPreVote, 3, 1, 2))).toEqual([]);
    expect(host.node.status()).toMatchObject({ term: 1, leader: 2 });
    host.tick();
    expect(types(host.step(message(MsgPreVote, 3, 1, 2)))).toEqual([MsgPreVoteResp]);
    expect(types(host.step(message(MsgVote, 3, 1, 2)))).toEqual([MsgVoteResp]);
  });

  it('protects the leader itself', () => {
    const host = new Host(1, options);
    host.elect();
    expect(host.step(message(MsgVote, 3, 1, 9))).toEqual([]);
    expect(host.node.status()).toMatchObject({ term: 1, role: StateLeader });
  });

  it('yields to an election that the leader ordered, but never for a pre-vote', () => {
    const host = new Host(1, options);
    host.step(message(MsgHeartbeat, 2, 1, 1));
    expect(host.step(message(MsgPreVote, 3, 1, 2, { force: true }))).toEqual([]);
    expect(types(host.step(message(MsgVote, 3, 1, 2, { force: true })))).toEqual([MsgVoteResp]);
    expect(host.node.status()).toMatchObject({ term: 2, vote: 3 });
  });

  it('is off without check-quorum', () => {
    const host = new Host(1, { ...options, checkQuorum: false });
    host.step(message(MsgHeartbeat, 2, 1, 1));
    expect(types(host.step(message(MsgVote, 3, 1, 2)))).toEqual([MsgVoteResp]);
  });
});
