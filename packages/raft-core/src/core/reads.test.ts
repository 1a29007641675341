import { Host, message, voters } from '../../test/harness/host.js';
import { MessageType } from '../index.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgReadIndex, MsgReadIndexResp } =
  MessageType;

const options = { electionTick: 10, heartbeatTick: 3 };

/** Leads term 1; its first entry is committed unless said otherwise. */
function leader(isCommitted = true): Host {
  const host = new Host(1, options);
  host.elect();
  if (isCommitted) host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
  return host;
}

const heartbeats = (messages: readonly { type: number; readToken: number; to: number }[]) =>
  messages.filter((m) => m.type === MsgHeartbeat);

const answer = (from: number, readToken: number) =>
  message(MsgHeartbeatResp, from, 1, 1, { readToken });

describe('ReadIndex on the leader', () => {
  it('answers after a quorum has answered heartbeats that were sent after the read arrived', () => {
    const host = leader();
    const ticket = host.node.readIndex();
    const sent = heartbeats(host.run());
    expect(sent.map((m) => m.to)).toEqual([2, 3]);
    expect(host.reads).toEqual([]);
    host.step(answer(2, sent[0]!.readToken));
    expect(host.reads).toEqual([{ ticket, index: 1 }]);
  });

  it('keeps INVARIANT(read-fresh-quorum): late answers to older heartbeats confirm nothing', () => {
    const host = leader();
    host.node.readIndex();
    const first = heartbeats(host.run())[0]!.readToken;
    host.step(answer(2, first));
    const ticket = host.node.readIndex();
    const second = heartbeats(host.run())[0]!.readToken;
    expect(second).not.toBe(first);
    host.step(answer(3, first), answer(2, first), answer(3, 0));
    expect(host.reads).toHaveLength(1);
    host.step(answer(3, second));
    expect(host.reads[1]).toEqual({ ticket, index: 1 });
  });

  it('has one round in flight; all that wait share the next', () => {
    const host = leader();
    const first = host.node.readIndex();
    const token = heartbeats(host.run())[0]!.readToken;
    const others = [host.node.readIndex(), host.node.readIndex()];
    expect(heartbeats(host.run())).toEqual([]);
    const next = heartbeats(host.step(answer(2, token)));
    expect(host.reads).toEqual([{ ticket: first, index: 1 }]);
    expect(next).toHaveLength(2);
    host.step(answer(2, next[0]!.readToken));
    expect(host.reads.slice(1)).toEqual(others.map((ticket) => ({ ticket, index: 1 })));
  });

  it('shares one round between reads of the same turn', () => {
    const host = leader();
    host.node.readIndex();
    host.node.readIndex();
    expect(heartbeats(host.run())).toHaveLength(2);
  });

  it('repeats the token in periodic heartbeats, since the first ones may be lost', () => {
    const host = leader();
    host.node.readIndex();
    const token = heartbeats(host.run())[0]!.readToken;
    const periodic = heartbeats(host.tick(3));
    expect(periodic.map((m) => m.readToken)).toEqual([token, token]);
    host.step(answer(3, periodic[1]!.readToken));
    expect(host.reads).toHaveLength(1);
  });

  it('keeps INVARIANT(read-after-own-commit): waits for the first commit of the term', () => {
    const host = leader(false);
    const ticket = host.node.readIndex();
    expect(heartbeats(host.run())).toEqual([]);
    const sent = heartbeats(host.step(message(MsgAppResp, 2, 1, 1, { index: 1 })));
    expect(sent).toHaveLength(2);
    host.step(answer(2, sent[0]!.readToken));
    expect(host.reads).toEqual([{ ticket, index: 1 }]);
  });

  it('keeps INVARIANT(read-after-own-commit) with one voter too', () => {
    const host = new Host(1, {
      ...options,
      conf: voters(1),
      terms: [1, 1, 1],
      commit: 1,
      applied: 1,
    });
    host.autoAppend = false;
    host.node.campaign();
    host.run();
    host.completeAll();
    const ticket = host.node.readIndex();
    host.run();
    expect(host.reads).toEqual([]);
    host.completeAll();
    host.run();
    // Not 1, the commit index that was durable: entries 2 and 3 may have been acknowledged.
    expect(host.reads).toEqual([{ ticket, index: 4 }]);
  });

  it('counts voters only', () => {
    const host = new Host(1, { ...options, conf: { ...voters(1, 2, 3), learners: [4] } });
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.node.readIndex();
    const sent = heartbeats(host.run());
    expect(sent.map((m) => m.to)).toEqual([2, 3]);
    host.step(answer(4, sent[0]!.readToken));
    expect(host.reads).toEqual([]);
  });

  it('drops what is pending when it steps down', () => {
    const host = leader();
    const inFlight = host.node.readIndex();
    host.run();
    const waiting = host.node.readIndex();
    host.step(message(MsgApp, 2, 1, 2));
    expect(host.drops).toEqual(
      [inFlight, waiting].map((ticket) => ({ kind: 'read', ticket, reason: 'leader-changed' })),
    );
    expect(host.node.status().pendingReads).toBe(0);
  });

  it('drops what finds no quorum within one election timeout, and serves what comes later', () => {
    const host = leader();
    const early = host.node.readIndex();
    const lost = heartbeats(host.run())[0]!.readToken;
    host.tick(4);
    const late = host.node.readIndex();
    host.run();
    host.step(answer(2, 0));
    host.tick(6);
    expect(host.drops).toEqual([{ kind: 'read', ticket: early, reason: 'read-timeout' }]);
    const retry = heartbeats(host.sent).pop()!.readToken;
    expect(retry).not.toBe(lost);
    host.step(answer(2, lost));
    expect(host.reads).toEqual([]);
    host.step(answer(2, retry));
    expect(host.reads).toEqual([{ ticket: late, index: 1 }]);
  });
});

describe('ReadIndex on a follower', () => {
  function follower(): Host {
    const host = new Host(2, { ...options, random: () => 0.9 });
    host.step(message(MsgHeartbeat, 1, 2, 1));
    return host;
  }

  it('asks the leader, once for all reads of a turn', () => {
    const host = follower();
    const tickets = [host.node.readIndex(), host.node.readIndex()];
    const sent = host.run();
    expect(sent).toMatchObject([{ type: MsgReadIndex, to: 1, term: 1 }]);
    const { readToken } = sent[0]!;
    host.step(message(MsgReadIndexResp, 1, 2, 1, { readToken, index: 7 }));
    expect(host.reads).toEqual(tickets.map((ticket) => ({ ticket, index: 7 })));
    expect(host.node.step(message(MsgReadIndexResp, 1, 2, 1, { readToken, index: 7 }))).toBe(
      'stale',
    );
  });

  it('has a new token for each try', () => {
    const host = follower();
    host.node.readIndex();
    const [first] = host.run();
    host.node.readIndex();
    const [second] = host.run();
    expect(second!.readToken).not.toBe(first!.readToken);
    host.step(message(MsgReadIndexResp, 1, 2, 1, { readToken: first!.readToken, index: 7 }));
    expect(host.reads).toHaveLength(1);
  });

  it('is refused while no leader is known', () => {
    expect(new Host(2).node.readIndex()).toBe('no-leader');
  });

  it('times out after one election timeout', () => {
    const host = follower();
    const ticket = host.node.readIndex();
    const token = host.run()[0]!.readToken;
    for (let i = 0; i < 9; i++) host.tick();
    expect(host.drops).toEqual([]);
    host.tick();
    expect(host.drops).toEqual([{ kind: 'read', ticket, reason: 'read-timeout' }]);
    host.step(message(MsgReadIndexResp, 1, 2, 1, { readToken: token, index: 7 }));
    expect(host.reads).toEqual([]);
  });

  it('times out by its own deadline, not by that of an older read', () => {
    const host = follower();
    const first = host.node.readIndex();
    host.tick(6);
    const second = host.node.readIndex();
    host.tick(4);
    expect(host.drops).toMatchObject([{ ticket: first }]);
    host.tick(6);
    expect(host.drops).toMatchObject([{ ticket: first }, { ticket: second }]);
  });

  it('is dropped when the leader or the term changes', () => {
    for (const [from, term] of [
      [3, 2],
      [1, 2],
    ] as const) {
      const host = follower();
      const sent = host.node.readIndex();
      host.run();
      const unsent = host.node.readIndex();
      host.step(message(MsgHeartbeat, from, 2, term));
      expect(host.drops).toMatchObject([
        { ticket: sent, reason: 'leader-changed' },
        { ticket: unsent, reason: 'leader-changed' },
      ]);
    }
  });

  it('uses tokens that another life of the replica would not use', () => {
    const tokenOf = (random: number): number => {
      const host = new Host(2, { ...options, random: () => random });
      host.step(message(MsgHeartbeat, 1, 2, 1));
      host.node.readIndex();
      return host.run()[0]!.readToken;
    };
    expect(tokenOf(0.1)).not.toBe(tokenOf(0.2));
  });
});

describe('ReadIndex for another replica', () => {
  const ask = message(MsgReadIndex, 3, 1, 1, { readToken: 99 });

  it('is confirmed by a round like the own reads, and answered with the asker’s token', () => {
    const host = leader();
    const sent = heartbeats(host.step(ask));
    const answers = host.step(answer(2, sent[0]!.readToken));
    expect(answers).toMatchObject([{ type: MsgReadIndexResp, to: 3, readToken: 99, index: 1 }]);
    expect(host.reads).toEqual([]);
  });

  it('is not answered by one that does not lead', () => {
    const host = new Host(1);
    expect(host.node.step(ask)).toBe('stale');
  });

  it('is forgotten after an election timeout: nobody waits for it any more', () => {
    const host = leader(false);
    host.step(ask);
    expect(host.node.status().pendingReads).toBe(1);
    host.tick(9);
    host.step(message(MsgHeartbeatResp, 2, 1, 1));
    host.tick();
    expect(host.node.status().pendingReads).toBe(0);
    expect(host.drops).toEqual([]);
  });
});

describe('the limit on waiting reads', () => {
  it('refuses more on leaders and followers, and takes them again when some have ended', () => {
    const host = new Host(1, { ...options, maxPendingReads: 2 });
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    expect([host.node.readIndex(), host.node.readIndex(), host.node.readIndex()]).toEqual([
      1,
      2,
      'read-limit',
    ]);
    expect(host.node.step(message(MsgReadIndex, 3, 1, 1, { readToken: 5 }))).toBe('stale');
    host.step(answer(2, heartbeats(host.run())[0]!.readToken));
    expect(host.node.readIndex()).toBe(3);
    const follower = new Host(2, { ...options, maxPendingReads: 1 });
    follower.step(message(MsgHeartbeat, 1, 2, 1));
    expect([follower.node.readIndex(), follower.node.readIndex()]).toEqual([1, 'read-limit']);
  });
});
