import { Host, message, proposal, voters } from '../../test/harness/host.js';
import { MessageType, StateType } from '../index.js';

const { MsgVote, MsgVoteResp, MsgPreVote, MsgApp, MsgAppResp, MsgHeartbeat, MsgTimeoutNow } =
  MessageType;

function leader(): Host {
  const host = new Host(1, {
    conf: { ...voters(1, 2, 3), learners: [4] },
    electionTick: 10,
    heartbeatTick: 1,
  });
  host.elect();
  host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
  return host;
}

const timeoutNows = (host: Host) => host.sent.filter((m) => m.type === MsgTimeoutNow);

describe('leadership transfer', () => {
  it('tells a target that is caught up to campaign at once', () => {
    const host = leader();
    expect(host.node.transferLeader(2)).toBe(true);
    host.run();
    expect(timeoutNows(host)).toMatchObject([{ to: 2, term: 1 }]);
    expect(host.node.status().leadTransferee).toBe(2);
  });

  it('waits until the target is caught up', () => {
    const host = leader();
    expect(host.node.transferLeader(3)).toBe(true);
    host.run();
    expect(timeoutNows(host)).toEqual([]);
    host.step(message(MsgAppResp, 3, 1, 1, { index: 1 }));
    expect(timeoutNows(host)).toMatchObject([{ to: 3 }]);
  });

  it('refuses proposals meanwhile', () => {
    const host = leader();
    host.node.transferLeader(2);
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'transferring' });
  });

  it('is given up after one election timeout, and proposals are taken again', () => {
    const host = leader();
    host.tick(7);
    host.node.transferLeader(3);
    for (let i = 0; i < 9; i++) {
      host.tick();
      host.step(message(MessageType.MsgHeartbeatResp, 2, 1, 1));
    }
    expect(host.node.status().leadTransferee).toBe(3);
    host.tick();
    expect(host.node.status()).toMatchObject({ leadTransferee: 0, role: StateType.StateLeader });
    expect(host.node.propose(proposal('x'))).toMatchObject({ first: 2, last: 2 });
  });

  it('can be turned to another target', () => {
    const host = leader();
    host.node.transferLeader(3);
    expect(host.node.transferLeader(3)).toBe(true);
    expect(host.node.transferLeader(2)).toBe(true);
    expect(host.node.status().leadTransferee).toBe(2);
  });

  it('is not for followers, to learners, to strangers or to oneself', () => {
    const host = leader();
    expect([4, 9, 1].map((to) => host.node.transferLeader(to))).toEqual([false, false, false]);
    expect(new Host(1).node.transferLeader(2)).toBe(false);
  });

  it('makes the target campaign by force and without pre-vote, exactly once', () => {
    const host = new Host(2, { electionTick: 10, heartbeatTick: 1 });
    host.step(message(MsgHeartbeat, 1, 2, 1));
    expect(host.step(message(MsgTimeoutNow, 1, 2, 1))).toMatchObject([
      { type: MsgVote, to: 1, term: 2, force: true },
      { type: MsgVote, to: 3, term: 2, force: true },
    ]);
    // It loses; its next campaign is an ordinary one.
    host.step(
      message(MsgVoteResp, 1, 2, 2, { reject: true }),
      message(MsgVoteResp, 3, 2, 2, { reject: true }),
    );
    const next = host.tick(10);
    expect(next.map((m) => m.type)).toEqual([MsgPreVote, MsgPreVote]);
    expect(next.some((m) => m.force)).toBe(false);
  });

  it('is ordered by the leader of this term only', () => {
    const host = new Host(2);
    host.step(message(MsgHeartbeat, 1, 2, 3));
    expect(host.node.step(message(MsgTimeoutNow, 3, 2, 3))).toBe('stale');
    expect(host.node.step(message(MsgTimeoutNow, 1, 2, 2))).toBe('stale');
    expect(host.run()).toEqual([]);
    expect(host.node.status().term).toBe(3);
  });

  it('ends when the leader steps down', () => {
    const host = leader();
    host.node.transferLeader(3);
    host.step(message(MsgApp, 3, 1, 2));
    expect(host.node.status()).toMatchObject({ leadTransferee: 0, leader: 3 });
  });
});
