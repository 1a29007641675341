import { Host, message, proposal } from '../../test/harness/host.js';
import { type Message, MessageType, StateType } from '../index.js';

const { MsgAppResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;

function leader(): Host {
  const host = new Host(1, { electionTick: 10, heartbeatTick: 3 });
  host.elect();
  return host;
}

describe('heartbeats', () => {
  it('leave every heartbeatTick, to everybody', () => {
    const host = leader();
    expect(host.tick(2)).toEqual([]);
    expect(host.tick().map((m) => [m.type, m.to])).toEqual([
      [MsgHeartbeat, 2],
      [MsgHeartbeat, 3],
    ]);
    expect(host.tick(3)).toHaveLength(2);
  });

  it('carry min(match, commit): they verify nothing', () => {
    const host = leader();
    host.node.propose(proposal('a', 'b'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
    expect(host.tick(3).filter((m) => m.type === MsgHeartbeat)).toMatchObject([
      { to: 2, commit: 3 },
      { to: 3, commit: 0 },
    ]);
  });

  it('tell a follower that lags how far the leader has committed, which commits nothing there', () => {
    const host = leader();
    host.node.propose(proposal('a', 'b'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
    const sent = host.tick(3).find((m) => m.type === MsgHeartbeat && m.to === 3);
    expect(sent).toMatchObject({ commit: 0, index: 3 });
    const follower = new Host(3, { hardState: { term: 1, vote: 1 } });
    follower.step(sent as Message);
    expect(follower.node.status()).toMatchObject({ leader: 1, commit: 0, lastIndex: 0 });
  });
});

describe('check-quorum', () => {
  it('makes a leader step down within two election timeouts of losing its quorum', () => {
    const host = leader();
    host.node.propose(proposal('a'));
    const ticket = host.node.readIndex();
    host.tick(9);
    host.step(message(MsgHeartbeatResp, 2, 1, 1));
    host.tick(1);
    expect(host.node.status().role).toBe(StateType.StateLeader);
    host.tick(9);
    expect(host.node.status().role).toBe(StateType.StateLeader);
    host.tick(1);
    expect(host.node.status()).toMatchObject({ role: StateType.StateFollower, term: 1, leader: 0 });
    expect(host.drops).toContainEqual({
      kind: 'proposals',
      term: 1,
      first: 2,
      last: 2,
      reason: 'leader-changed',
    });
    expect(host.drops).toContainEqual(expect.objectContaining({ kind: 'read', ticket }));
  });

  it('leaves the vote of the term as it was: a leader has voted for itself', () => {
    const host = leader();
    host.tick(10);
    expect(host.node.status()).toMatchObject({ role: StateType.StateFollower, term: 1, vote: 1 });
    const vote = message(MessageType.MsgVote, 2, 1, 1, { index: 9, logTerm: 0 });
    expect(host.step(vote)).toMatchObject([{ to: 2, reject: true }]);
  });

  it('drops the reads of the leader that steps down', () => {
    const host = leader();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.tick(19);
    const ticket = host.node.readIndex();
    host.tick(1);
    expect(host.drops).toEqual([{ kind: 'read', ticket, reason: 'leader-changed' }]);
  });

  it('lets a leader that hears a quorum lead on', () => {
    const host = leader();
    for (let i = 0; i < 10; i++) {
      host.tick(5);
      host.step(message(MsgHeartbeatResp, 3, 1, 1));
    }
    expect(host.node.status().role).toBe(StateType.StateLeader);
  });

  it('does not depend on transfers, however many are tried', () => {
    const host = leader();
    host.step(message(MsgHeartbeatResp, 2, 1, 1));
    let ticks = 0;
    while (ticks < 50 && host.node.status().role === StateType.StateLeader) {
      host.node.transferLeader(2 + (ticks++ % 2));
      host.tick();
    }
    expect(ticks).toBe(20);
  });
});
