import { entry, Host, log, message } from '../../test/harness/host.js';
import { type Message, MessageType, StateType } from '../index.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;

const app = (index: number, logTerm: number, terms: readonly number[], commit = 0, term = 9) =>
  message(MsgApp, 1, 2, term, { index, logTerm, commit, entries: log(terms, index + 1) });
const answers = (messages: readonly Message[]) =>
  messages.map((m) => (m.reject ? ['reject', m.index, m.rejectHint, m.logTerm] : ['ack', m.index]));

describe('a follower that gets MsgApp', () => {
  it('follows the sender, whatever it was before', () => {
    const host = new Host(2, { preVote: false });
    host.node.campaign();
    host.run();
    host.step(app(0, 0, [1], 0, 1));
    expect(host.node.status()).toMatchObject({
      term: 1,
      leader: 1,
      role: StateType.StateFollower,
      lastIndex: 1,
    });
  });

  it('rejects it if its log does not hold the entry before, with a hint', () => {
    const host = new Host(2, { terms: [1, 1, 1, 2, 2] });
    expect(answers(host.step(app(7, 8, [9])))).toEqual([['reject', 7, 5, 2]]);
    // The greatest own index whose term is at or below 1.
    expect(answers(host.step(app(5, 1, [9])))).toEqual([['reject', 5, 3, 1]]);
    expect(host.logTerms()).toEqual([1, 1, 1, 2, 2]);
  });

  it('truncates from the first conflicting entry and not before', () => {
    const host = new Host(2, { terms: [1, 1, 2, 2, 2] });
    expect(answers(host.step(app(1, 1, [1, 3])))).toEqual([['ack', 3]]);
    expect(host.logTerms()).toEqual([1, 1, 3]);
  });

  it('keeps what stands above a message that holds nothing new', () => {
    const host = new Host(2, { terms: [1, 1, 2, 2, 2] });
    expect(answers(host.step(app(1, 1, [1, 2])))).toEqual([['ack', 3]]);
    expect(host.open).toEqual([]);
    expect(host.logTerms()).toEqual([1, 1, 2, 2, 2]);
  });

  it('keeps INVARIANT(commit-verified): commits no further than the last entry of this message', () => {
    const host = new Host(2, { terms: [1, 1, 2, 2, 2] });
    host.step(app(1, 1, [1], 5));
    expect(host.node.status().commit).toBe(2);
    host.step(app(3, 2, [], 4));
    expect(host.node.status().commit).toBe(3);
  });

  it('hands the log a commit hint of the state after the message', () => {
    const host = new Host(2, { terms: [1, 1] });
    host.autoAppend = false;
    host.step(app(2, 1, [9, 9], 3));
    expect(host.open).toMatchObject([{ commit: 3, entries: [{ index: 3 }, { index: 4 }] }]);
    host.step(app(4, 9, [9], 9));
    expect(host.open[1]).toMatchObject({ commit: 5, entries: [{ index: 5 }] });
  });

  it('answers an old one with what it has committed', () => {
    const host = new Host(2, { terms: [1, 1, 1, 1], commit: 3 });
    expect(answers(host.step(app(1, 1, [1])))).toEqual([['ack', 3]]);
  });

  it('acknowledges nothing before it is durable', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    expect(host.step(app(1, 1, [9, 9]))).toEqual([]);
    expect(host.step(app(3, 9, [9]))).toEqual([]);
    host.completeNext();
    expect(answers(host.run())).toEqual([['ack', 3]]);
    host.completeNext();
    expect(answers(host.run())).toEqual([['ack', 4]]);
  });

  it('acknowledges at once what is durable already, without a ticket', () => {
    const host = new Host(2, { terms: [1, 1], hardState: { term: 9, vote: 1 } });
    host.autoAppend = false;
    expect(answers(host.step(app(1, 1, [1])))).toEqual([['ack', 2]]);
    expect(host.open).toEqual([]);
  });

  it('does not acknowledge at once what it has committed and not written', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    host.step(app(1, 1, [9, 9], 3));
    expect(host.step(app(1, 1, []))).toEqual([]);
    host.completeAll();
    expect(answers(host.run())).toEqual([['ack', 3]]);
  });

  it('keeps one acknowledgement waiting for a stuck disk, however often the leader asks', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    host.step(app(1, 1, [9, 9]));
    for (let i = 0; i < 100; i++) expect(host.step(app(3, 9, []))).toEqual([]);
    expect(host.step(app(2, 9, []))).toEqual([]);
    expect(host.open).toHaveLength(1);
    // What says more waits as well.
    host.step(app(3, 9, [9]));
    host.completeAll();
    expect(answers(host.run())).toEqual([
      ['ack', 3],
      ['ack', 4],
    ]);
    // The acknowledgement may be lost on its way: who asks again is answered again.
    expect(answers(host.step(app(4, 9, [])))).toEqual([['ack', 4]]);
  });

  it('acknowledges to the next leader what it has promised to the one before', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    host.step(app(1, 1, [9, 9]));
    host.step(message(MsgApp, 3, 2, 10, { index: 3, logTerm: 9 }));
    host.completeAll();
    expect(host.run().map((m) => [m.to, m.term, m.index])).toEqual([
      [1, 9, 3],
      [3, 10, 3],
    ]);
  });

  it('acknowledges again what was overwritten and came back', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    host.step(app(1, 1, [2, 2], 0, 2));
    host.step(message(MsgApp, 3, 2, 3, { index: 1, logTerm: 1, entries: log([3], 2) }));
    host.step(message(MsgApp, 3, 2, 3, { index: 2, logTerm: 3, entries: log([3], 3) }));
    host.completeAll();
    expect(host.run().map((m) => [m.to, m.term, m.index])).toEqual([
      [3, 3, 2],
      [3, 3, 3],
    ]);
  });

  it('refuses to lose what is committed, and changes nothing', () => {
    const host = new Host(2, { terms: [1, 1, 2], commit: 2 });
    host.run();
    for (const m of [app(1, 1, [3]), app(2, 3, []), app(0, 0, [1, 2, 3])]) {
      expect(host.node.step(m)).toBe('invalid');
    }
    expect(host.node.status()).toMatchObject({ term: 2, leader: 0, commit: 2, lastIndex: 3 });
    expect(host.node.hasReady()).toBe(false);
  });

  it('keeps INVARIANT(election-safety): refuses a second leader in a term', () => {
    const host = new Host(2);
    host.step(app(0, 0, [], 0, 3));
    const other = message(MsgApp, 3, 2, 3);
    expect(host.node.step(other)).toBe('invalid');
    expect(host.node.step(message(MsgHeartbeat, 3, 2, 3))).toBe('invalid');
    expect(host.node.status().leader).toBe(1);
    const leader = new Host(1);
    leader.elect();
    expect(leader.node.step(message(MsgApp, 2, 1, 1))).toBe('invalid');
  });
});

describe('acknowledgements of entries that were overwritten', () => {
  it('keeps INVARIANT(ack-durable): a completed ticket acknowledges only what is left of it', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    host.step(app(1, 1, [2, 2, 2], 0, 2));
    host.step(message(MsgApp, 3, 2, 3, { index: 2, logTerm: 2, entries: [entry(3, 3)] }));
    host.completeNext();
    expect(host.run()).toEqual([]);
    expect(host.node.status().durable).toBe(2);
    host.completeNext();
    expect(answers(host.run())).toEqual([['ack', 3]]);
  });

  it('keeps INVARIANT(ack-durable) when the same entry comes back (the ABA race)', () => {
    const host = new Host(2, { terms: [1] });
    host.autoAppend = false;
    // (1) 2@2 in ticket 1; (2) overwritten by 2@3 in ticket 2; (3) 2@2 again from the old leader.
    host.step(app(1, 1, [2], 0, 2));
    host.step(message(MsgApp, 3, 2, 3, { index: 1, logTerm: 1, entries: [entry(3, 2)] }));
    host.step(app(1, 1, [2], 0, 4));
    expect(host.open.map((a) => a.ticket)).toEqual([1, 2, 3]);
    host.completeNext();
    expect(host.run()).toEqual([]);
    expect(host.node.status().durable).toBe(1);
    host.completeNext();
    expect(host.run()).toEqual([]);
    expect(host.node.status().durable).toBe(1);
    host.completeNext();
    expect(answers(host.run())).toEqual([['ack', 2]]);
  });

  it('keeps INVARIANT(ack-durable) when they were overwritten before they were even handed out', () => {
    const host = new Host(2, { terms: [1] });
    host.node.step(app(1, 1, [2, 2], 0, 2));
    host.node.step(message(MsgApp, 3, 2, 3, { index: 1, logTerm: 1, entries: log([3, 3], 2) }));
    expect(host.run()).toMatchObject([{ type: MsgAppResp, to: 3, term: 3, index: 3 }]);
  });

  it('takes back durability of entries on disk that are about to be overwritten', () => {
    const host = new Host(2, { terms: [1, 2, 2] });
    host.autoAppend = false;
    host.step(app(1, 1, [3], 0, 3));
    expect(host.node.status()).toMatchObject({ durable: 1, lastIndex: 2 });
    // The disk still shows the old entry at 2: a repeated message must not count on it.
    expect(host.step(app(1, 1, [3], 0, 3))).toEqual([]);
    host.completeAll();
    expect(answers(host.run())).toEqual([['ack', 2]]);
  });
});

describe('a follower that gets MsgHeartbeat', () => {
  it('commits what the leader knows it to hold, and returns the read token', () => {
    const host = new Host(2, { terms: [1, 1] });
    const sent = host.step(message(MsgHeartbeat, 1, 2, 4, { commit: 2, readToken: 77 }));
    expect(sent).toMatchObject([{ type: MsgHeartbeatResp, to: 1, term: 4, readToken: 77 }]);
    expect(host.node.status()).toMatchObject({ commit: 2, leader: 1 });
  });

  it('says that it lost entries which it acknowledged, and changes nothing', () => {
    const host = new Host(2, { terms: [1, 1] });
    expect(host.node.step(message(MsgHeartbeat, 1, 2, 4, { commit: 3 }))).toBe('lost-log');
    expect(host.node.status()).toMatchObject({ term: 1, leader: 0, commit: 0 });
    expect(host.node.hasReady()).toBe(false);
  });
});
