import { entry, Host, log, message, proposal, voters } from '../../test/harness/host.js';
import { type Entry, MessageType, StateType } from '../index.js';

const { MsgApp, MsgAppResp, MsgEntryReq, MsgEntryResp, MsgHeartbeat, MsgHeartbeatResp, MsgVote } =
  MessageType;
const options = { electionTick: 10, heartbeatTick: 2, repair: true };
const terms = [1, 1, 2];

/** Replica 2 of three with entries 1/1, 1/2, 2/3 in term 2, some of them damaged. */
function damaged(indexes: number[], more = {}): Host {
  const host = new Host(2, { ...options, terms, ...more }, (storage) => {
    for (const index of indexes) storage.damage(index);
  });
  return host;
}

const app = (index: number, logTerm: number, entries: Entry[], more = {}) =>
  message(MsgApp, 1, 2, 2, { index, logTerm, entries, ...more });
const stored = (index: number): Entry => log(terms)[index - 1]!;
const asked = (host: Host) => host.sent.filter((m) => m.type === MsgEntryReq);

/** Ticks until it asks others, with its token and the term of the denials. */
function ask(host: Host) {
  host.tick(20);
  const [request] = asked(host);
  if (request === undefined) throw new Error('nothing was asked');
  return request;
}

describe('a replica with a damaged entry', () => {
  it('tells its leader from where on, and acknowledges nothing above until that is mended', () => {
    const host = damaged([2]);
    const sent = host.step(app(3, 2, []));
    expect(sent).toMatchObject([{ type: MsgAppResp, repairIndex: 2, index: 0 }]);
    const readToken = sent[0]!.readToken;
    const answer = host.step(app(3, 2, [entry(2, 4, 'x')], { readToken, repairIndex: 3 }));
    expect(answer).toMatchObject([{ type: MsgAppResp, index: 1, readToken }]);
    host.step(app(1, 1, [stored(2), stored(3), entry(2, 4, 'x')], { readToken, repairIndex: 3 }));
    expect(host.repaired.map((e) => e.index)).toEqual([2]);
    expect(host.node.status().damaged).toEqual([]);
    expect(host.step(app(4, 2, [], { readToken }))).toMatchObject([{ index: 4, reject: false }]);
  });

  it('votes by the whole of its log, and does not campaign', () => {
    const host = damaged([3]);
    host.tick(40);
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StateType.StateFollower);
    const term = host.node.status().term + 1;
    const ask = (index: number, logTerm: number) =>
      message(MsgVote, 3, 2, term, { index, logTerm });
    expect(host.step(ask(2, 1))).toMatchObject([{ reject: true }]);
    expect(host.step(ask(3, 2))).toMatchObject([{ reject: false }]);
  });

  it('keeps INVARIANT(repair-same-entry): takes bytes of the very entry only', () => {
    const host = damaged([3]);
    const { readToken } = ask(host);
    const answer = (e: Entry) =>
      message(MsgEntryResp, 1, 2, 0, { index: 3, logTerm: e.term, readToken, entries: [e] });
    host.step(answer(entry(1, 3, 'other')));
    expect(host.repaired).toEqual([]);
    host.step(
      message(MsgEntryResp, 1, 2, 0, {
        index: 3,
        logTerm: 2,
        readToken: readToken + 1,
        entries: [stored(3)],
      }),
    );
    expect(host.repaired).toEqual([]);
    host.step(answer(stored(3)));
    expect(host.repaired).toEqual([stored(3)]);
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
  });

  it('holds back what follows it when it applies, until it is mended', () => {
    const host = damaged([2], { commit: 3, applied: 0 });
    host.run();
    expect(host.committed.map((e) => e.index)).toEqual([1]);
    const [announced] = host
      .step(message(MsgHeartbeat, 1, 2, 2, {}))
      .filter((m) => m.type === MsgAppResp);
    expect(announced).toMatchObject({ repairIndex: 2 });
    host.step(app(1, 1, [stored(2)], { readToken: announced!.readToken, repairIndex: 3 }));
    expect(host.committed.map((e) => e.index)).toEqual([1, 2, 3]);
  });

  it('loses it by an ordinary conflict with a leader', () => {
    const host = damaged([3]);
    const [announced] = host.step(message(MsgApp, 1, 2, 3, { index: 2, logTerm: 1 }));
    const readToken = announced!.readToken;
    host.step(message(MsgApp, 1, 2, 3, { index: 2, logTerm: 1, readToken, entries: log([3], 3) }));
    expect(host.node.status().damaged).toEqual([]);
    expect(host.logTerms()).toEqual([1, 1, 3]);
  });

  it('asks others only when no leader was heard for an election timeout', () => {
    const host = damaged([3]);
    for (let i = 0; i < 10; i++) {
      host.tick(3);
      host.step(message(MsgHeartbeat, 1, 2, 2));
    }
    expect(asked(host)).toEqual([]);
    host.tick(25);
    expect(asked(host).length).toBeGreaterThan(0);
  });

  it('is mended by a snapshot where no log reaches it, though it is committed here', () => {
    const host = damaged([2], { commit: 3, applied: 1 });
    const snapshot = { index: 3, term: 2, confState: voters(1, 2, 3) };
    host.step(message(MessageType.MsgSnap, 1, 2, 2, { snapshot }));
    expect(host.snapshots).toEqual([snapshot]);
    expect(host.node.status()).toMatchObject({ applied: 3, damaged: [], lastIndex: 3 });
    const sent = host.step(app(3, 2, []));
    expect(sent.at(-1)).toMatchObject({ type: MsgAppResp, index: 3 });
  });

  it('is mended by others where the leader’s log begins above it', () => {
    const host = damaged([1], { commit: 3, applied: 2 });
    for (let i = 0; i < 10; i++) {
      host.tick();
      host.step(message(MsgHeartbeat, 1, 2, 2));
      // Only a read finds the damage: another replica wants the entry.
      if (i === 0) host.step(message(MsgEntryReq, 3, 2, 0, { index: 1, logTerm: 1, readToken: 5 }));
    }
    host.tick(10);
    const [request] = asked(host);
    expect(request).toMatchObject({ index: 1, denyTerm: 0 });
    const { readToken } = request!;
    const entries = [stored(1)];
    host.step(message(MsgEntryResp, 3, 2, 0, { index: 1, logTerm: 1, readToken, entries }));
    expect(host.node.status().damaged).toEqual([]);
  });

  it('that leads hands over and steps down', () => {
    const host = new Host(1, { ...options, maxInflightMsgs: 2 });
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.storage.damage(1);
    host.step(message(MsgAppResp, 3, 1, 1, { index: 0, reject: true, rejectHint: 0 }));
    expect(host.node.status()).toMatchObject({ steppingDown: 'damaged-entry', leadTransferee: 2 });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'stepping-down' });
  });
});

describe('denials', () => {
  const denial = (from: number, request: { readToken: number; denyTerm: number }, more = {}) =>
    message(MsgEntryResp, from, 2, 0, {
      ...{ index: 3, logTerm: 2, reject: true },
      ...{ readToken: request.readToken, denyTerm: request.denyTerm, ...more },
    });

  it('keep INVARIANT(denied-by-quorum): drop an entry when no quorum can have it', () => {
    const host = damaged([3]);
    const request = ask(host);
    expect(request).toMatchObject({ index: 3, logTerm: 2, denyTerm: 3 });
    expect(host.storage.initialState().hardState.term).toBe(3);
    host.step(denial(1, request));
    expect(host.node.status().lastIndex).toBe(3);
    host.step(denial(1, request));
    expect(host.node.status().lastIndex).toBe(3);
    host.step(denial(3, request));
    expect(host.node.status()).toMatchObject({ lastIndex: 2, damaged: [] });
    expect(host.logTerms()).toEqual([1, 1]);
  });

  it('of different terms are not added up', () => {
    const host = damaged([3]);
    const first = ask(host);
    host.step(denial(1, first));
    host.step(denial(3, { ...first, denyTerm: 4 }));
    expect(host.node.status()).toMatchObject({ term: 4, lastIndex: 3 });
    host.sent = [];
    const second = ask(host);
    expect(second.denyTerm).toBe(4);
    host.step(denial(3, second));
    expect(host.node.status().lastIndex).toBe(3);
    host.step(denial(1, { ...first, denyTerm: 3 }));
    expect(host.node.status().lastIndex).toBe(3);
    host.step(denial(1, second));
    expect(host.node.status().lastIndex).toBe(2);
  });

  it('are not asked for of a committed entry, nor counted once a leader is heard', () => {
    const committed = damaged([3], { commit: 3, applied: 2 });
    expect(ask(committed).denyTerm).toBe(0);
    const led = damaged([3]);
    const request = ask(led);
    led.step(message(MsgHeartbeat, 1, 2, 3));
    led.step(denial(1, request), denial(3, request));
    expect(led.node.status().lastIndex).toBe(3);
  });

  it('need a majority of one half in a joint configuration', () => {
    const conf = { ...voters(1, 2, 3), votersOutgoing: [2, 4, 5] };
    const host = damaged([3], { conf });
    const request = ask(host);
    host.step(denial(1, request), denial(4, request));
    expect(host.node.status().lastIndex).toBe(3);
    host.step(denial(5, request));
    expect(host.node.status().lastIndex).toBe(2);
  });

  it('keep INVARIANT(denial-durable): leave after the term is durable, and never while a leader is heard', () => {
    const request = message(MsgEntryReq, 2, 3, 0, {
      index: 3,
      logTerm: 2,
      readToken: 7,
      denyTerm: 5,
    });
    const led = new Host(3, { ...options, terms: [1, 1] });
    led.step(message(MsgHeartbeat, 1, 3, 2));
    expect(led.step(request)).toEqual([]);
    expect(led.node.status().term).toBe(2);
    const host = new Host(3, { ...options, terms: [1, 1] });
    host.autoAppend = false;
    expect(host.step(request)).toEqual([]);
    expect(host.storage.initialState().hardState.term).toBe(5);
    host.completeAll();
    expect(host.run()).toMatchObject([
      { type: MsgEntryResp, reject: true, denyTerm: 5, readToken: 7 },
    ]);
  });

  it('are not given by one that has the entry, or may have lost it', () => {
    const request = message(MsgEntryReq, 2, 3, 0, {
      index: 3,
      logTerm: 2,
      readToken: 7,
      denyTerm: 5,
    });
    const whole = new Host(3, { ...options, terms });
    expect(whole.step(request)).toMatchObject([
      { type: MsgEntryResp, reject: false, entries: [{ index: 3 }] },
    ]);
    const recovering = new Host(3, { ...options, terms: [1], recovering: true });
    expect(recovering.step(request)).toEqual([]);
    const itself = new Host(3, { ...options, terms }, (storage) => storage.damage(3));
    expect(itself.step(request)).toEqual([]);
  });
});

describe('a recovering replica', () => {
  const recovering = (): Host =>
    new Host(2, { ...options, terms: [1, 1], commit: 5, recovering: true });

  it('needs to be told so: without it a log below its commit hint is refused', () => {
    expect(() => new Host(2, { ...options, terms: [1, 1], commit: 5 })).toThrow(/^commit-in-log/);
    expect(recovering().node.status()).toMatchObject({ commit: 2, isRecovering: true });
  });

  it('neither votes nor campaigns', () => {
    const host = recovering();
    expect(host.step(message(MsgVote, 1, 2, 9, { index: 9, logTerm: 8 }))).toEqual([]);
    host.tick(50);
    expect(host.node.status()).toMatchObject({ term: 1, role: StateType.StateFollower });
  });

  it('is whole again when it holds all that the leader had when it heard of the loss', () => {
    const host = recovering();
    const beat = host.step(message(MsgHeartbeat, 1, 2, 3, { commit: 4 }));
    const announced = beat.find((m) => m.type === MsgAppResp);
    expect(announced).toMatchObject({ repairIndex: 3 });
    const { readToken } = announced!;
    const send = (index: number, logTerm: number, more: object) =>
      host.step(message(MsgApp, 1, 2, 3, { index, logTerm, readToken, repairIndex: 5, ...more }));
    send(2, 1, { entries: log([1, 1], 3), commit: 4 });
    expect(host.node.status()).toMatchObject({ commit: 4, isRecovering: true });
    send(4, 1, { entries: log([3], 5), commit: 4 });
    expect(host.node.status().isRecovering).toBe(true);
    send(5, 3, { commit: 5 });
    expect(host.node.status()).toMatchObject({ commit: 5, isRecovering: false });
    expect(
      host.step(message(MsgVote, 3, 2, 9, { index: 9, logTerm: 8, force: true })),
    ).toMatchObject([{ reject: false }]);
  });

  it('does not take the answer to an earlier loss for the answer to this one', () => {
    const host = recovering();
    host.step(
      message(MsgApp, 1, 2, 3, { index: 2, logTerm: 1, readToken: 999, repairIndex: 2, commit: 2 }),
    );
    expect(host.node.status().isRecovering).toBe(true);
  });
});

describe('a replica that starts again after a life that lost entries', () => {
  it('tells the leader that still waits for that life, and is heard from then on', () => {
    const host = new Host(2, { ...options, terms });
    const sent = host.step(app(3, 2, [], { readToken: 999, repairIndex: 3 }));
    expect(sent).toMatchObject([{ type: MsgAppResp, repairIndex: 4, index: 0 }]);
    const { readToken } = sent[0]!;
    expect(readToken).not.toBe(999);
    expect(host.step(app(3, 2, [], { readToken }))).toMatchObject([{ index: 3, readToken }]);
  });
});

describe('a leader whose follower lost entries', () => {
  function leader(): Host {
    const host = new Host(1, options);
    host.elect();
    host.node.propose(proposal('a', 'b'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
    expect(host.node.status().commit).toBe(3);
    host.sent = [];
    return host;
  }
  const matchOf = (host: Host): number => {
    let match = -1;
    host.node.progress((id, p) => {
      if (id === 2) match = p.match;
    });
    return match;
  };
  const loss = (readToken: number) => message(MsgAppResp, 2, 1, 1, { repairIndex: 2, readToken });

  it('sends them again, the one case in which a match falls, and never takes back a commit', () => {
    const host = leader();
    const [again] = host.step(loss(70));
    expect(again).toMatchObject({ type: MsgApp, index: 1, readToken: 70, repairIndex: 3 });
    expect(again!.entries.map((e) => e.index)).toEqual([2, 3]);
    expect([matchOf(host), host.node.status().commit]).toEqual([1, 3]);
  });

  it('does not count acknowledgements of the life before the loss', () => {
    const host = leader();
    host.step(loss(70));
    expect(host.node.step(message(MsgAppResp, 2, 1, 1, { index: 3 }))).toBe('stale');
    expect(host.node.step(message(MsgAppResp, 2, 1, 1, { index: 3, readToken: 69 }))).toBe('stale');
    expect(matchOf(host)).toBe(1);
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3, readToken: 70 }));
    expect(matchOf(host)).toBe(3);
  });

  it('lets a late announcement of the same loss change nothing', () => {
    const host = leader();
    host.step(loss(70), message(MsgAppResp, 2, 1, 1, { index: 3, readToken: 70 }));
    expect(host.node.step(message(MsgAppResp, 2, 1, 1, { repairIndex: 4, readToken: 70 }))).toBe(
      'stale',
    );
    expect(matchOf(host)).toBe(3);
    expect(host.node.step(message(MsgHeartbeatResp, 2, 1, 1))).toBe('ok');
  });
});
