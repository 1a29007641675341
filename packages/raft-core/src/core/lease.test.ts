import { Host, message, voters } from '../../test/harness/host.js';
import { MessageType, RaftConfigError } from '../index.js';

const {
  MsgAppResp,
  MsgHeartbeat,
  MsgHeartbeatResp,
  MsgVote,
  MsgVoteResp,
  MsgPreVote,
  MsgTimeoutNow,
} = MessageType;
const options = {
  electionTick: 10,
  heartbeatTick: 1,
  lease: { electionTimeoutMs: 100, tickMs: 10 },
};
/** 100 ms less 10 % and one tick. */
const DURATION_MS = 80;

class Leader extends Host {
  nowMs = 1000;

  constructor(conf = voters(1, 2, 3)) {
    super(1, { ...options, conf });
    this.elect();
    for (const id of [2, 3, 4, 5]) this.step(message(MsgAppResp, id, 1, 1, { index: 1 }));
  }

  /** A round of heartbeats leaves at `nowMs`; returns its token. */
  beat(nowMs: number): number {
    this.sent = [];
    this.node.tick(nowMs);
    this.run();
    return this.sent.find((m) => m.type === MsgHeartbeat)?.readToken ?? 0;
  }

  answer(from: number, readToken: number): void {
    this.step(message(MsgHeartbeatResp, from, 1, 1, { readToken }));
  }
}

describe('a lease', () => {
  it('is off unless asked for, and needs check-quorum and true times', () => {
    const host = new Host(1, { ...options, lease: null });
    host.elect();
    expect([host.node.leaseValid(0), host.node.leaseReadIndex(0)]).toEqual([false, null]);
    expect(() => new Host(1, { ...options, checkQuorum: false })).toThrow(RaftConfigError);
    const lease = { electionTimeoutMs: 5, tickMs: 10 };
    expect(() => new Host(1, { ...options, lease })).toThrow(RaftConfigError);
  });

  it('keeps INVARIANT(lease-by-quorum): runs from the sending of what a quorum answered', () => {
    const leader = new Leader();
    expect(leader.node.leaseValid(1000)).toBe(false);
    const token = leader.beat(1000);
    expect(leader.node.leaseValid(1001)).toBe(false);
    leader.answer(2, token);
    expect(leader.node.leaseReadIndex(1000 + DURATION_MS - 1)).toBe(1);
    expect(leader.node.leaseValid(1000 + DURATION_MS)).toBe(false);
  });

  it('is not lengthened by late answers to old heartbeats, nor by one to none', () => {
    const leader = new Leader();
    const old = leader.beat(1000);
    leader.beat(1050);
    leader.answer(2, old);
    leader.answer(3, 9999);
    expect(leader.node.leaseValid(1000 + DURATION_MS)).toBe(false);
  });

  it('does not count learners, and needs both halves of a joint configuration', () => {
    const leader = new Leader({ ...voters(1, 2), votersOutgoing: [1, 3, 4], learners: [5] });
    const token = leader.beat(1000);
    leader.answer(2, token);
    leader.answer(5, token);
    expect(leader.node.leaseValid(1010)).toBe(false);
    leader.answer(3, token);
    expect(leader.node.leaseValid(1010)).toBe(true);
  });

  it('waits for the first commit of the term', () => {
    const host = new Host(1, options);
    host.elect();
    host.node.tick(1000);
    const token = host.run().find((m) => m.type === MsgHeartbeat)?.readToken ?? 0;
    host.step(message(MsgHeartbeatResp, 2, 1, 1, { readToken: token }));
    expect(host.node.leaseValid(1001)).toBe(false);
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    expect(host.node.leaseValid(1001)).toBe(true);
  });

  it('keeps INVARIANT(lease-before-transfer): ends for the rest of the term when TimeoutNow is sent', () => {
    const leader = new Leader();
    leader.answer(2, leader.beat(1000));
    expect(leader.node.leaseValid(1001)).toBe(true);
    leader.node.transferLeader(2);
    expect(leader.run().some((m) => m.type === MsgTimeoutNow)).toBe(true);
    expect(leader.node.leaseValid(1001)).toBe(false);
    for (let i = 0; i < 15; i++) {
      const token = leader.beat(1010 + i);
      leader.answer(2, token);
      leader.answer(3, token);
    }
    expect(leader.node.status().leadTransferee).toBe(0);
    expect(leader.node.leaseValid(1030)).toBe(false);
  });

  it('ends with the leadership', () => {
    const leader = new Leader();
    leader.answer(2, leader.beat(1000));
    leader.step(message(MsgAppResp, 2, 1, 7));
    expect(leader.node.leaseValid(1001)).toBe(false);
  });
});

describe('a follower where leases are on', () => {
  const ask = (term: number, more = {}) =>
    message(MsgVote, 3, 2, term, { index: 9, logTerm: 1, ...more });

  it('keeps INVARIANT(lease-refusal): grants nothing for one election timeout, whatever terms come', () => {
    const host = new Host(2, options);
    host.step(message(MsgHeartbeat, 1, 2, 4));
    // A late message of a higher term makes it forget the leader, not its promise.
    host.step(message(MsgVoteResp, 3, 2, 6, { reject: true }));
    expect(host.node.status()).toMatchObject({ term: 6, leader: 0 });
    expect(
      host.step(ask(6), ask(7), message(MsgPreVote, 3, 2, 8, { index: 9, logTerm: 1 })),
    ).toEqual([]);
    host.tick(9);
    expect(host.step(ask(7))).toEqual([]);
    host.tick(1);
    expect(host.step(ask(7))).toMatchObject([{ reject: false }]);
  });

  it('lets only the election pass that its leader ordered', () => {
    const host = new Host(2, options);
    host.step(message(MsgHeartbeat, 1, 2, 4));
    expect(host.step(ask(5, { force: true }))).toMatchObject([{ reject: false }]);
  });

  it('neither campaigns nor forgets its leader', () => {
    const host = new Host(2, options);
    host.step(message(MsgHeartbeat, 1, 2, 4));
    host.node.campaign();
    expect([host.node.forgetLeader(), host.run().length]).toEqual([false, 0]);
  });

  it('that restarts is silent for as long: its promises were not lost with its memory', () => {
    const host = new Host(2, { ...options, restartSilence: true, hardState: { term: 4, vote: 1 } });
    expect(host.step(ask(5))).toEqual([]);
    host.tick(10);
    expect(host.step(ask(5))).toMatchObject([{ reject: false }]);
  });
});

describe('forgetLeader', () => {
  it('lets a follower vote at once', () => {
    const host = new Host(2, { electionTick: 10, heartbeatTick: 1 });
    host.step(message(MsgHeartbeat, 1, 2, 4));
    expect(host.step(message(MsgVote, 3, 2, 5, { index: 9, logTerm: 1 }))).toEqual([]);
    expect(host.node.forgetLeader()).toBe(true);
    expect(host.step(message(MsgVote, 3, 2, 5, { index: 9, logTerm: 1 }))).toMatchObject([
      { reject: false },
    ]);
  });

  it('does nothing at a leader', () => {
    const host = new Host(1, { electionTick: 10, heartbeatTick: 1 });
    host.elect();
    expect(host.node.forgetLeader()).toBe(false);
    expect(host.node.status().leader).toBe(1);
  });
});
