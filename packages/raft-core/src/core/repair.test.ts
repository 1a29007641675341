import { Cluster } from '../../test/harness/cluster.js';
import { changeOf, entry, Host, log, message, proposal, voters } from '../../test/harness/host.js';
import {
  type Entry,
  EntryType,
  encodeConfChange,
  type Message,
  MessageType,
  StateType,
} from '../index.js';

const {
  MsgApp,
  MsgAppResp,
  MsgEntryReq,
  MsgEntryResp,
  MsgHeartbeat,
  MsgHeartbeatResp,
  MsgSnap,
  MsgVote,
} = MessageType;
const options = { electionTick: 10, heartbeatTick: 2, repair: true };
const terms = [2, 2, 2];

/** Replica 2 of three with three entries of term 2, some of them damaged. */
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

/** As {@link damaged}, but only a read finds the damage: another replica wants the entry. */
function foundLater(index: number, more = {}): Host {
  const host = new Host(2, { ...options, terms, ...more });
  host.run();
  host.storage.damage(index);
  readFor(host, index);
  return host;
}

function readFor(host: Host, index: number): void {
  const { id } = host.node.status();
  const logTerm = Math.max(0, host.storage.term(index));
  host.step(message(MsgEntryReq, 3, id, 0, { index, logTerm, readToken: 5 }));
}

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
    host.step(app(1, 2, [stored(2), stored(3), entry(2, 4, 'x')], { readToken, repairIndex: 3 }));
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
    host.step(app(1, 2, [stored(2)], { readToken: announced!.readToken, repairIndex: 3 }));
    expect(host.committed.map((e) => e.index)).toEqual([1, 2, 3]);
  });

  it('loses it by an ordinary conflict with a leader', () => {
    const host = damaged([3]);
    const [announced] = host.step(message(MsgApp, 1, 2, 3, { index: 2, logTerm: 2 }));
    const readToken = announced!.readToken;
    host.step(message(MsgApp, 1, 2, 3, { index: 2, logTerm: 2, readToken, entries: log([3], 3) }));
    expect(host.node.status().damaged).toEqual([]);
    expect(host.logTerms()).toEqual([2, 2, 3]);
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

  it('is mended by a snapshot where no log reaches it, and its leader hears of that', () => {
    const host = damaged([2], { commit: 3, applied: 1 });
    host.autoAppend = false;
    const snapshot = { index: 3, term: 2, confState: voters(1, 2, 3) };
    const sent = host.step(message(MsgSnap, 1, 2, 2, { snapshot }));
    expect(sent).toMatchObject([{ type: MsgAppResp, index: 1 }]);
    host.completeAll();
    expect(host.run()).toMatchObject([{ type: MsgAppResp, to: 1, index: 3, repairIndex: 0 }]);
    expect(host.snapshots).toEqual([snapshot]);
    expect(host.node.status()).toMatchObject({ applied: 3, damaged: [], lastIndex: 3 });
  });

  it('is forgotten with the log that a snapshot replaces', () => {
    const host = damaged([2], { commit: 3, applied: 1 });
    host.node.ready();
    expect(host.node.status().damaged).toEqual([2]);
    const snapshot = { index: 9, term: 2, confState: voters(1, 2, 3) };
    host.autoAppend = false;
    host.step(message(MsgSnap, 1, 2, 2, { snapshot }));
    host.tick(30);
    expect([host.node.status().damaged, asked(host)]).toEqual([[], []]);
  });

  it('is mended by others where the leader’s log begins above it', () => {
    const host = foundLater(2, { commit: 3 });
    for (let i = 0; i < 10; i++) {
      host.tick();
      host.step(message(MsgHeartbeat, 1, 2, 2));
    }
    host.tick(10);
    const [request] = asked(host);
    expect(request).toMatchObject({ index: 2, denyTerm: 0 });
    const { readToken } = request!;
    const entries = [stored(2)];
    host.step(message(MsgEntryResp, 3, 2, 0, { index: 2, logTerm: 2, readToken, entries }));
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

describe('a damaged entry that opens a term', () => {
  it('is known without its bytes: it is empty, and mended at once', () => {
    const host = new Host(
      2,
      { ...options, terms: [1, 1, 2], hardState: { term: 2, vote: 2 } },
      (storage) => storage.damage(3),
    );
    host.run();
    expect(host.repaired).toEqual([entry(2, 3)]);
    expect(host.node.status().damaged).toEqual([]);
    host.node.campaign();
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
  });

  it('is not guessed where the term before it is not known', () => {
    const host = damaged([1, 2], { commit: 2 });
    host.run();
    expect(host.repaired.map((e) => e.index)).toEqual([1]);
    const conf = voters(1, 2, 3);
    const more = { ...options, conf, applied: 4, hardState: { term: 3, vote: 0 } };
    const later = new Host(2, more, (storage) => {
      storage.applySnapshot({ index: 4, term: 3, confState: conf });
      storage.append(log([3, 3], 5), 4);
      storage.damage(5);
    });
    later.run();
    expect([later.repaired, later.node.status().damaged]).toEqual([[], [5]]);
  });
});

describe('a damaged entry that is applied', () => {
  const acks = (host: Host, sent = host.sent) =>
    sent.filter((m) => m.type === MsgAppResp && m.repairIndex === 0).map((m) => m.index);
  /** The leader knows of the loss; returns what its messages carry. */
  const heard = (host: Host) => {
    const [announced] = host.step(app(3, 2, []));
    return { readToken: announced?.readToken ?? 0, repairIndex: 3 };
  };

  it('holds back acknowledgements until the state machine holds it for good', () => {
    const host = foundLater(2, { commit: 3 });
    expect(host.node.status()).toMatchObject({ applied: 3, damaged: [2] });
    const life = heard(host);
    expect(acks(host, host.step(app(3, 2, [entry(2, 4)], life)))).toEqual([1]);
    host.node.flushed(1);
    expect(acks(host, host.step(app(4, 2, [], life)))).toEqual([1]);
    host.node.flushed(2);
    expect(host.node.status().damaged).toEqual([]);
    expect(acks(host, host.step(app(4, 2, [], life)))).toEqual([4]);
  });

  it('needs no repair below the frontier of the start, and keeps nobody from campaigning', () => {
    const host = damaged([1], { commit: 3, applied: 2 });
    readFor(host, 1);
    expect(host.node.status().damaged).toEqual([]);
    expect(acks(host, host.step(app(3, 2, [])))).toEqual([3]);
    host.tick(20);
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
  });

  it('leaves a snapshot alone: the state machine goes on, and makes up for it once it is durable', () => {
    const host = foundLater(2, { commit: 3 });
    const snapshot = { index: 3, term: 2, confState: voters(1, 2, 3) };
    host.step(message(MsgSnap, 1, 2, 2, { snapshot }));
    expect(host.snapshots).toEqual([]);
    host.node.flushed(3);
    expect(acks(host, host.step(app(3, 2, [])))).toEqual([3]);
  });

  it('cannot be flushed before it is applied', () => {
    const host = new Host(2, { ...options, terms, commit: 2 });
    host.run();
    expect(() => host.node.flushed(3)).toThrow(/^applied-in-order/);
  });

  it('is sent as a snapshot by a leader that holds it for good, which leads on', () => {
    const host = new Host(1, options);
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.storage.damage(1);
    host.node.flushed(1);
    const rejection = message(MsgAppResp, 3, 1, 1, { index: 0, reject: true, rejectHint: 0 });
    expect(host.step(rejection)).toEqual([]);
    host.storage.setSnapshot(1);
    expect(host.step(message(MsgHeartbeatResp, 3, 1, 1))).toMatchObject([
      { type: MsgSnap, to: 3, snapshot: { index: 1 } },
    ]);
    expect(host.node.status()).toMatchObject({ steppingDown: null, damaged: [] });
  });
});

describe('damage that is found late', () => {
  it('keeps INVARIANT(ack-durable): takes back acknowledgements that still wait for the disk', () => {
    const host = new Host(2, { ...options, terms });
    host.autoAppend = false;
    host.step(app(3, 2, [entry(2, 4)]));
    host.storage.damage(2);
    readFor(host, 2);
    host.completeAll();
    expect(host.run().filter((m) => m.type === MsgAppResp)).toEqual([]);
  });

  it('at a leader counts as a copy no more: a quorum has to hold the entry without it', () => {
    const host = new Host(1, options);
    host.elect();
    host.node.propose(proposal('a'));
    host.run();
    host.storage.damage(2);
    readFor(host, 2);
    host.step(message(MsgAppResp, 2, 1, 1, { index: 2 }));
    expect(host.node.status()).toMatchObject({ steppingDown: 'damaged-entry', commit: 1 });
    host.step(message(MsgAppResp, 3, 1, 1, { index: 2 }));
    expect(host.node.status().commit).toBe(2);
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
    expect(host.logTerms()).toEqual([2, 2]);
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

  /** Replica 2 of voters 1 to 3: 1/1, a change that adds 4, then entries of `terms`; 4 is damaged. */
  function grown(...terms: number[]): Host {
    const change = {
      ...entry(1, 2),
      type: EntryType.EntryConfChangeV2,
      data: encodeConfChange(changeOf('v4')),
    };
    const tail = log(terms, 3);
    const more = { terms: [1], hardState: { term: Math.max(...terms), vote: 0 } };
    return new Host(2, { ...options, ...more }, (storage) => {
      storage.append([change, ...tail], 2);
      storage.damage(4);
    });
  }
  const denies = (host: Host, from: number, index: number) =>
    host.step(denial(from, asked(host).at(-1)!, { index }));

  it('are not asked for before all configuration changes below the entry are applied', () => {
    const host = grown(2, 2);
    host.autoApply = false;
    host.tick(20);
    const terms = () => new Set(asked(host).map((m) => m.denyTerm));
    expect(terms()).toEqual(new Set([0]));
    host.apply(2);
    host.sent = [];
    host.tick(20);
    expect(terms()).toEqual(new Set([3]));
    expect(host.node.status().confState.voters).toEqual([1, 2, 3, 4]);
  });

  it('are collected above every term in which the entry may have been acknowledged here', () => {
    // In the life before it may have been acknowledged to a leader of term 5.
    expect(ask(damaged([3], { hardState: { term: 5, vote: 1 } })).denyTerm).toBe(6);
    const host = new Host(2, { ...options, terms });
    host.step(message(MsgApp, 1, 2, 5, { index: 3, logTerm: 2, entries: log([5], 4) }));
    host.storage.damage(3);
    readFor(host, 3);
    expect(ask(host).denyTerm).toBe(6);
    host.sent = [];
    // Once is enough: nothing damaged is acknowledged from then on.
    expect(ask(host).denyTerm).toBe(6);
  });

  it('cannot take back what an old acknowledgement helps to commit', () => {
    const conf = voters(1, 2, 3, 4, 5);
    const more = { ...options, conf, random: () => 0.9 };
    const cluster = new Cluster([1, 2, 3, 4, 5], () => more);
    const isBetween = (a: number, b: number) => (m: Message) =>
      (m.from === a && m.to === b) || (m.from === b && m.to === a);
    const isNews = (m: Message) => m.type === MsgApp && m.to > 2 && m.entries.length > 0;
    cluster.elect(1);
    // Entry 2 of term 1 and, in the next term that 1 leads, entry 3: on 1 and 2 alone, acknowledged by 2.
    cluster.passes = (m) => !isNews(m);
    cluster.host(1).node.propose(proposal('e'));
    cluster.settle();
    cluster.host(1).node.step(message(MsgAppResp, 3, 1, 2));
    cluster.passes = () => false;
    cluster.tick(10);
    cluster.passes = (m) => !isNews(m);
    cluster.elect(1);
    expect(cluster.host(1).node.status()).toMatchObject({ role: StateType.StateLeader, term: 3 });
    expect(cluster.host(2).logTerms()).toEqual([1, 1, 3]);
    cluster.tick(2);
    // 1 is cut off. 2 starts again, finds entry 2 damaged, and nobody else has it.
    const life = { ...more, terms: [1, 1, 3], commit: 1, hardState: { term: 3, vote: 1 } };
    cluster.replace(2, new Host(2, life, (storage) => storage.damage(2)));
    cluster.passes = (m) => m.from !== 1 && m.to !== 1;
    for (let i = 0; i < 15 && cluster.host(2).node.status().lastIndex > 1; i++) cluster.tick();
    expect(cluster.host(2).node.status().lastIndex).toBe(1);
    expect(cluster.host(1).node.status().role).toBe(StateType.StateLeader);
    // The old leader reaches one of those who said that they had nothing: with it and the
    // acknowledgement of 2 it would have three of five, of which 2 holds nothing any more.
    cluster.passes = isBetween(1, 3);
    cluster.tick(4);
    expect(cluster.host(1).node.status().commit).toBe(1);
    expect(cluster.host(1).node.status().term).toBe(4);
  });

  it('where a joint configuration may have ended below the entry, need a majority of the incoming half', () => {
    const conf = { ...voters(1, 2, 3), votersOutgoing: [2, 4, 5], autoLeave: true };
    const leave = { ...entry(1, 2), type: EntryType.EntryConfChangeV2 };
    const more = { ...options, conf, terms: [1], hardState: { term: 2, vote: 0 } };
    const host = new Host(2, more, (storage) => {
      storage.append([leave, ...log([2, 2], 3)], 1);
      storage.damage(4);
    });
    host.tick(20);
    denies(host, 4, 4);
    denies(host, 5, 4);
    // The outgoing half cannot have it, but that may be over, and 1, 2 or 3 may have had it since.
    expect(host.node.status()).toMatchObject({ commit: 1, lastIndex: 4 });
    denies(host, 1, 4);
    expect(host.node.status().lastIndex).toBe(4);
    denies(host, 3, 4);
    expect(host.node.status().lastIndex).toBe(3);
  });

  it('have to rule out the configuration before, where it may have counted the entry', () => {
    // The leader of term 3 may not have known that 4 was added, when it counted copies of entry 5.
    const host = grown(2, 2, 3);
    host.run();
    host.tick(20);
    denies(host, 3, 4);
    denies(host, 4, 4);
    expect(host.node.status().lastIndex).toBe(5);
    denies(host, 1, 4);
    expect(host.node.status().lastIndex).toBe(3);
  });

  it('need only the configuration in force for an entry further up in a term', () => {
    const host = grown(2, 2);
    host.run();
    host.tick(20);
    denies(host, 3, 4);
    expect(host.node.status().lastIndex).toBe(4);
    denies(host, 4, 4);
    expect(host.node.status().lastIndex).toBe(3);
  });

  it('are not counted of an entry up to which a leader was heard to have committed', () => {
    const host = damaged([3]);
    const { readToken } = host.step(app(1, 2, [], { commit: 3 })).at(-1)!;
    host.step(app(1, 2, [], { commit: 3, readToken, repairIndex: 3 }));
    expect(host.node.status()).toMatchObject({ commit: 1, damaged: [3] });
    expect(ask(host).denyTerm).toBe(0);
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
      message(MsgApp, 1, 2, 3, { index: 2, logTerm: 2, readToken: 999, repairIndex: 2, commit: 2 }),
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
