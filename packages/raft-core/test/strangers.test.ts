/** Replicas that are not in each other's configurations: they must not disturb, and must not be needed in vain. */
import { type Message, MessageType, StateType } from '../src/index.js';
import { Cluster } from './harness/cluster.js';
import { changeOf, Host, message, proposal, voters } from './harness/host.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgPreVote, MsgReadIndexResp, MsgTimeoutNow, MsgVote } =
  MessageType;
const options = { electionTick: 10, heartbeatTick: 2 };

/** Voters 1 to 4; 4 is removed, has the entry that says so, and does not know that it is committed. */
function withRemoved(more = {}): Cluster {
  const conf = voters(1, 2, 3, 4);
  // 4 is the first to lose patience.
  const random = (id: number) => () => (id === 4 ? 0 : 0.3 * id);
  const cluster = new Cluster([1, 2, 3, 4], (id) => ({
    ...options,
    conf,
    random: random(id),
    ...more,
  }));
  cluster.elect(1);
  const { node } = cluster.host(1);
  node.proposeConfChange(changeOf('r4'));
  const { lastIndex } = node.status();
  cluster.passes = (m) => m.to !== 4 || m.commit < lastIndex;
  cluster.settle();
  expect(cluster.host(4).node.status()).toMatchObject({ lastIndex, confState: conf });
  expect(node.status().confState).toEqual(voters(1, 2, 3));
  cluster.passes = () => true;
  return cluster;
}

describe('a removed replica that has the whole log', () => {
  it.each([
    ['with pre-vote', {}],
    ['without pre-vote', { preVote: false }],
  ])('disturbs nobody while a leader is heard, %s', (_name, more) => {
    const cluster = withRemoved(more);
    cluster.tick(300);
    expect(cluster.leaders).toEqual([1]);
    expect(cluster.terms.slice(0, 3)).toEqual([1, 1, 1]);
    cluster.host(1).node.propose(proposal('x'));
    cluster.settle();
    expect(cluster.host(2).node.status().commit).toBe(3);
  });

  it.each([
    ['with pre-vote', {}],
    ['without pre-vote', { preVote: false }],
    ['without pre-vote and check-quorum', { preVote: false, checkQuorum: false }],
  ])(
    'may win one election, learns from its own first commit that it was removed, and hands over: %s',
    (_name, more) => {
      const cluster = withRemoved(more);
      cluster.kill(1);
      const ticks = cluster.ticksToLeader(60, (id) => id === 2 || id === 3);
      expect(ticks).not.toBeNull();
      expect([...cluster.history.values()]).toEqual([1, 4, cluster.leaders[0]]);
      cluster.tick(20);
      expect(cluster.host(4).node.status()).toMatchObject({
        role: StateType.StateFollower,
        confState: voters(1, 2, 3),
      });
      const terms = cluster.terms.slice(0, 2);
      cluster.tick(300);
      expect(cluster.terms.slice(0, 2)).toEqual(terms);
    },
  );

  it('is not heard any more once anything was appended without it', () => {
    const cluster = withRemoved();
    cluster.host(1).node.propose(proposal('x'));
    cluster.settle();
    cluster.kill(1);
    cluster.tick(100);
    expect(cluster.leaders.includes(4)).toBe(false);
    expect(cluster.leaders).toHaveLength(1);
    expect(cluster.host(4).node.status().term).toBe(1);
  });
});

describe('promises under leases', () => {
  const lease = { electionTimeoutMs: 100, tickMs: 10 };
  const asked = { index: 9, logTerm: 1 };

  it('bind towards strangers as well, for one election timeout after a message of any leader', () => {
    const host = new Host(2, { ...options, lease });
    host.step(message(MsgHeartbeat, 1, 2, 3));
    // An answer of a newer term ends the term, not the promise.
    host.step(message(MsgAppResp, 3, 2, 4));
    for (let i = 0; i < 9; i++) {
      host.tick();
      expect(host.step(message(MsgPreVote, 9, 2, 8, asked))).toEqual([]);
      expect(host.step(message(MsgVote, 9, 2, 8, asked))).toEqual([]);
    }
    host.tick();
    expect(host.step(message(MsgVote, 9, 2, 8, asked))).toMatchObject([{ reject: false }]);
  });
});

describe('a newer term in an answer', () => {
  it.each([
    ['with', {}],
    ['without', { preVote: false, checkQuorum: false }],
  ])('deposes a leader once, not again and again: %s pre-vote and check-quorum', (_name, more) => {
    // 3 lost the end of its log in a life that had reached term 9: it follows and cannot campaign.
    const cluster = new Cluster([1, 2, 3], (id) => ({
      ...options,
      ...more,
      random: () => 0.3 * (id - 1),
      repair: true,
      ...(id === 3 ? { hardState: { term: 9, vote: 0 }, recovering: true } : {}),
    }));
    cluster.passes = (m) => m.from !== 3 && m.to !== 3;
    cluster.elect(1);
    expect(cluster.terms).toEqual([1, 1, 9]);
    cluster.passes = () => true;
    cluster.tick(60);
    expect(cluster.leaders).toHaveLength(1);
    const { terms } = cluster;
    expect(new Set(terms).size).toBe(1);
    cluster.tick(300);
    expect(cluster.terms).toEqual(terms);
  });
});

describe('a leader that is removed', () => {
  it('is followed by another before anybody’s patience ends, though those who know are strangers to it', () => {
    const cluster = new Cluster([1, 2, 3], () => ({ ...options, random: () => 0.9 }));
    cluster.elect(1);
    cluster.host(1).node.proposeConfChange(changeOf('r1'));
    cluster.settle();
    const ticks = cluster.ticksToLeader(options.electionTick - 1, (id) => id !== 1);
    expect(ticks).not.toBeNull();
    expect(cluster.host(2).node.status().confState).toEqual(voters(2, 3));
  });

  it('is heard by its followers only, and only to hand over and to answer their reads', () => {
    const host = new Host(2, { ...options, conf: voters(2, 3) });
    const order = message(MsgTimeoutNow, 1, 2, 1);
    expect(host.node.step(order)).toBe('unknown-peer');
    host.step(message(MsgHeartbeat, 1, 2, 1));
    const ticket = host.node.readIndex();
    const readToken = host.run().find((m) => m.to === 1)?.readToken ?? 0;
    host.step(message(MsgReadIndexResp, 1, 2, 1, { index: 0, readToken }));
    expect(host.reads).toEqual([{ ticket, index: 0 }]);
    expect(host.node.step(message(MsgAppResp, 1, 2, 9))).toBe('unknown-peer');
    expect(host.step(order)).toMatchObject([{ type: MsgVote, to: 3, term: 2, force: true }]);
  });
});

describe('a voter that does not know the configuration in force', () => {
  /** 9 was added to 1 and 2 and knows it; 1 has the entry, and one more than 9. 2, who led, is gone. */
  function grown(): Cluster {
    const cluster = new Cluster([1, 2, 9], (id) => ({
      ...options,
      conf: voters(1, 2),
      maxSizePerMsg: 1,
      maxInflightMsgs: 8,
      random: () => 0.1 * id,
    }));
    cluster.elect(2);
    const { node } = cluster.host(2);
    node.proposeConfChange(changeOf('v9'));
    const change = node.status().lastIndex;
    node.propose(proposal('x'));
    const isAbove = (m: Message) => m.type === MsgApp && m.entries.some((e) => e.index > change);
    cluster.passes = (m) => {
      if (m.to === 1) return m.commit < change;
      return m.to !== 9 || !isAbove(m) || cluster.host(9).node.status().lastIndex < change;
    };
    cluster.settle();
    cluster.tick(6);
    cluster.kill(2);
    cluster.passes = () => true;
    expect(cluster.host(1).node.status()).toMatchObject({ lastIndex: 3, confState: voters(1, 2) });
    const { lastIndex, commit, confState } = cluster.host(9).node.status();
    expect([lastIndex, commit, confState]).toEqual([2, 2, voters(1, 2, 9)]);
    return cluster;
  }

  it('learns from a candidate what is committed, and is elected by it', () => {
    const cluster = grown();
    expect(cluster.ticksToLeader(100)).not.toBeNull();
    expect(cluster.leaders).toEqual([1]);
    cluster.tick(5);
    expect(cluster.host(9).node.status()).toMatchObject({ lastIndex: 4, commit: 4 });
  });

  it('keeps INVARIANT(commit-verified): learns nothing of entries that are not its own', () => {
    const host = new Host(1, { ...options, terms: [1, 1] });
    const asks = (commit: number, rejectHint: number) =>
      message(MsgVote, 9, 1, 5, { index: commit, logTerm: 4, commit, rejectHint });
    host.step(asks(2, 2), asks(3, 4));
    expect(host.node.status().commit).toBe(0);
    const bad = message(MsgVote, 9, 1, 5, { index: 1, logTerm: 1, commit: 2, rejectHint: 1 });
    expect(host.node.step(bad)).toBe('invalid');
    host.step(asks(2, 1));
    expect(host.node.status().commit).toBe(2);
  });

  it('gives up a campaign by a configuration of which it hears that it is over', () => {
    const host = new Host(1, { ...options, preVote: false });
    host.autoApply = false;
    host.elect();
    host.step(
      message(MsgAppResp, 2, 1, 1, { index: 1 }),
      message(MsgAppResp, 3, 1, 1, { index: 1 }),
    );
    host.apply(1);
    host.node.proposeConfChange(changeOf('v9'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 7));
    host.node.campaign();
    host.run();
    expect(host.node.status()).toMatchObject({ role: StateType.StateCandidate, term: 8 });
    const fields = { index: 2, logTerm: 1, commit: 2, rejectHint: 1 };
    host.step(message(MsgVote, 3, 1, 7, fields));
    expect(host.node.status()).toMatchObject({ role: StateType.StateFollower, commit: 2, term: 8 });
    // The vote of the term is spent all the same.
    expect(host.step(message(MsgVote, 3, 1, 8, fields))).toMatchObject([{ reject: true }]);
  });
});
