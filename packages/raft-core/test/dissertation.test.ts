/**
 * Sentences of Ongaro's dissertation (Consensus: Bridging Theory and Practice) that promise something
 * beyond figure 2 of the paper, each as a test. Chapter 3 is the paper's text: see paper.test.ts.
 */
import { ConfChangeTransition, MessageType, StateType } from '../src/index.js';
import { changeOf, Host, log, message, proposal, voters } from './harness/host.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgSnap, MsgTimeoutNow, MsgVote } =
  MessageType;
const options = { electionTick: 10, heartbeatTick: 2 };
const ack = (from: number, index: number, term = 1) =>
  message(MsgAppResp, from, 1, term, { index });

function leader(conf = voters(1, 2, 3), more = {}): Host {
  const host = new Host(1, { ...options, conf, ...more });
  host.elect();
  host.step(ack(2, 1), ack(3, 1));
  return host;
}

describe('3.10 leadership transfer', () => {
  it('1 to 3: stops accepting requests, brings the target up to date, then sends TimeoutNow', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    host.sent = [];
    host.node.transferLeader(3);
    expect(host.node.propose(proposal('y'))).toEqual({ dropped: 'transferring' });
    expect(host.run().filter((m) => m.type === MsgTimeoutNow)).toEqual([]);
    expect(host.step(ack(3, 2)).some((m) => m.type === MsgTimeoutNow && m.to === 3)).toBe(true);
  });

  it('if leadership transfer does not complete after about an election timeout, the prior leader resumes', () => {
    const host = leader();
    host.node.transferLeader(3);
    for (let i = 0; i < 10; i++) {
      host.tick();
      host.step(message(MsgHeartbeatResp, 2, 1, 1));
    }
    expect(host.node.propose(proposal('y'))).toMatchObject({ first: 2 });
  });
});

describe('4 cluster membership changes', () => {
  it('4.1: servers process incoming RPC requests without consulting their current configurations', () => {
    const host = new Host(2, { ...options, conf: voters(2, 3, 4) });
    host.step(message(MsgApp, 9, 2, 3, { entries: log([3]) }));
    expect(host.node.status()).toMatchObject({ leader: 9, lastIndex: 1 });
  });

  it('4.1: a leader changes one server at a time, and the next change waits for the commit of the first', () => {
    const host = leader();
    expect(host.node.proposeConfChange(changeOf('v4'))).toMatchObject({ first: 2 });
    expect(host.node.proposeConfChange(changeOf('v5'))).toEqual({ dropped: 'conf-change-pending' });
  });

  it('4.2.1: a new server is brought up as a non-voting member that counts in no majority', () => {
    const host = leader(voters(1, 2));
    host.node.proposeConfChange(changeOf('l3'));
    host.run();
    host.step(ack(2, 2));
    host.node.propose(proposal('x'));
    host.run();
    host.step(ack(3, 3));
    expect(host.node.status().commit).toBe(2);
    host.step(ack(2, 3));
    expect(host.node.status().commit).toBe(3);
  });

  it('4.2.2: a leader that is removed steps down once the new configuration is committed, not before', () => {
    const host = leader();
    host.node.proposeConfChange(changeOf('r1'));
    host.run();
    expect(host.node.status().steppingDown).toBeNull();
    host.step(ack(2, 2));
    expect(host.node.status().steppingDown).toBe('removed');
    for (let i = 0; i < 10; i++) {
      host.tick();
      host.step(message(MsgHeartbeatResp, 2, 1, 1), message(MsgHeartbeatResp, 3, 1, 1));
    }
    expect(host.node.status().role).toBe(StateType.StateFollower);
  });

  it('4.2.3: a server that hears from a current leader neither updates its term nor grants its vote', () => {
    const host = new Host(2, options);
    host.step(message(MsgHeartbeat, 1, 2, 3));
    host.tick(9);
    expect(host.step(message(MsgVote, 3, 2, 9, { index: 5, logTerm: 3 }))).toEqual([]);
    expect(host.node.status().term).toBe(3);
  });

  it('4.3: agreement for elections and entry commitment requires majorities from both configurations', () => {
    const conf = { ...voters(1, 4, 5), votersOutgoing: [1, 2, 3] };
    const host = new Host(1, { ...options, conf, preVote: false });
    host.node.campaign();
    host.run();
    host.step(message(MessageType.MsgVoteResp, 4, 1, 1), message(MessageType.MsgVoteResp, 5, 1, 1));
    expect(host.node.status().role).toBe(StateType.StateCandidate);
    host.step(message(MessageType.MsgVoteResp, 2, 1, 1));
    expect(host.node.status().role).toBe(StateType.StateLeader);
    host.step(ack(4, 1), ack(5, 1));
    expect(host.node.status().commit).toBe(0);
    host.step(ack(3, 1));
    expect(host.node.status().commit).toBe(1);
  });

  it('4.3: a joint configuration is left by a second entry', () => {
    const host = leader();
    host.node.proposeConfChange({
      ...changeOf('v4'),
      transition: ConfChangeTransition.JointImplicit,
    });
    host.run();
    host.step(ack(2, 2));
    expect(host.node.status()).toMatchObject({ lastIndex: 3, pendingConfIndex: 3 });
  });
});

describe('5 log compaction', () => {
  it('5.1.1: a server retains entries that follow a snapshot which its log already holds', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1] });
    const snapshot = { index: 2, term: 1, confState: voters(1, 2, 3) };
    host.step(message(MsgSnap, 1, 2, 1, { snapshot }));
    expect(host.node.status()).toMatchObject({ commit: 2, lastIndex: 3, isInstalling: false });
  });
});

describe('6.4 processing read-only queries', () => {
  it('1: if the leader has not yet committed an entry from its term, it waits until it has', () => {
    const host = new Host(1, options);
    host.elect();
    host.node.readIndex();
    const before = host.run();
    expect(before.filter((m) => m.readToken > 0)).toEqual([]);
    expect(host.step(ack(2, 1)).filter((m) => m.readToken > 0)).toHaveLength(2);
  });

  it('2 to 4: saves its commit index, exchanges a round of heartbeats with a majority, and the read waits for that index', () => {
    const host = leader();
    const ticket = host.node.readIndex();
    const token = host.run().find((m) => m.type === MsgHeartbeat)?.readToken ?? 0;
    host.node.propose(proposal('later'));
    host.run();
    host.step(ack(2, 2));
    host.step(message(MsgHeartbeatResp, 3, 1, 1, { readToken: token }));
    expect(host.reads).toEqual([{ ticket, index: 1 }]);
  });

  it('one round of heartbeats serves any number of queries that have accumulated', () => {
    const host = leader();
    const tickets = [host.node.readIndex(), host.node.readIndex(), host.node.readIndex()];
    const beats = host.run().filter((m) => m.type === MsgHeartbeat);
    expect(beats).toHaveLength(2);
    host.step(message(MsgHeartbeatResp, 3, 1, 1, { readToken: beats[0]?.readToken ?? 0 }));
    expect(host.reads.map((read) => read.ticket)).toEqual(tickets);
  });
});

describe('10.2.1 writing to the leader’s disk in parallel', () => {
  it('the leader may commit an entry before it has been written to its own disk, if a majority of followers has', () => {
    const host = leader();
    host.autoAppend = false;
    host.node.propose(proposal('x'));
    const sent = host.run();
    expect(sent.filter((m) => m.type === MsgApp).map((m) => m.entries.length)).toEqual([1, 1]);
    host.step(ack(2, 2));
    expect(host.node.status()).toMatchObject({ commit: 1, durable: 1 });
    host.step(ack(3, 2));
    expect(host.node.status()).toMatchObject({ commit: 2, durable: 1 });
    host.completeAll();
    host.run();
    expect(host.committed.at(-1)?.index).toBe(2);
  });
});
