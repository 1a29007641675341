import fc from 'fast-check';
import { entry, Host, log, message, voters } from '../../test/harness/host.js';
import { type Message, MessageType, StateType } from '../index.js';

const {
  MsgApp,
  MsgAppResp,
  MsgVote,
  MsgVoteResp,
  MsgPreVote,
  MsgPreVoteResp,
  MsgSnap,
  MsgHeartbeat,
  MsgHeartbeatResp,
  MsgReadIndex,
} = MessageType;

function expectRefused(host: Host, m: Message, status: string): void {
  const before = host.node.status();
  expect(host.node.step(m)).toBe(status);
  expect(host.node.status()).toEqual(before);
  expect(host.node.hasReady()).toBe(false);
}

describe('a message that cannot be', () => {
  const host = new Host(1, { terms: [1, 2, 2], commit: 1, applied: 1 });
  const good = message(MsgApp, 2, 1, 3, { index: 3, logTerm: 2, entries: log([3, 3], 4) });
  const odd = [
    Number.NaN,
    -1,
    1.5,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    2 ** 60,
    '3',
    null,
    undefined,
    {},
  ];
  const numbers = [
    'term',
    'from',
    'to',
    'index',
    'logTerm',
    'commit',
    'rejectHint',
    'readToken',
    'type',
  ];

  it.each(numbers)('has an odd %s', (field) => {
    for (const value of odd) expectRefused(host, { ...good, [field]: value } as Message, 'invalid');
  });

  it('has odd entries', () => {
    const withEntries = (entries: unknown) => ({ ...good, entries }) as Message;
    const bad: unknown[] = [
      null,
      'entries',
      [null],
      [entry(3, 5)],
      [entry(3, 4), entry(3, 6)],
      [entry(3, 4), entry(3, 4)],
      [entry(3, 4), entry(2, 5)],
      [entry(1, 4)],
      [entry(4, 4)],
      [entry(0, 4)],
      [{ ...entry(3, 4), type: 3 }],
      [{ ...entry(3, 4), data: 'text' }],
      [{ ...entry(3, 4), data: null }],
      [{ ...entry(3, 4), checksum: -1 }],
      [{ ...entry(3, 4), checksum: 2 ** 32 }],
      [{ ...entry(3, 4), term: Number.NaN }],
    ];
    for (const entries of bad) expectRefused(host, withEntries(entries), 'invalid');
  });

  it.each([
    ['is for somebody else', { ...good, to: 2 }],
    ['is from nobody', { ...good, from: 0 }],
    ['is from oneself', { ...good, from: 1 }],
    ['is of no term', { ...good, term: 0, entries: [] }],
    ['is of an unknown type', { ...good, type: 99 as typeof good.type }],
    ['has a term before the log', { ...good, index: 0, logTerm: 1, entries: [] }],
    ['follows an entry of a later term', { ...good, logTerm: 4, entries: [] }],
    ['says neither yes nor no', { ...good, reject: 1 as unknown as boolean }],
    ['is not a message', null as unknown as Message],
    [
      'asks for a vote with a log of that term',
      message(MsgVote, 2, 1, 3, { index: 9, logTerm: 3 }),
    ],
    ['asks for a read without a token', message(MsgReadIndex, 2, 1, 3)],
    ['is a snapshot: installing them is not there yet', message(MsgSnap, 2, 1, 3)],
  ])('%s', (_why, m) => {
    expectRefused(host, m, 'invalid');
  });

  it('acknowledges what the leader never had', () => {
    const leader = new Host(1);
    leader.elect();
    expectRefused(leader, message(MsgAppResp, 2, 1, 1, { index: 2 }), 'invalid');
    expect(leader.node.step(message(MsgAppResp, 2, 1, 1, { index: 1 }))).toBe('ok');
  });

  it('never throws, whatever it holds', () => {
    const anything = fc.oneof(
      fc.integer({ min: -2, max: 6 }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constant([]),
      fc.maxSafeInteger(),
    );
    const someEntries = fc.array(
      fc.record({
        term: fc.nat(4),
        index: fc.nat(6),
        type: fc.nat(3),
        data: fc.uint8Array(),
        checksum: fc.nat(),
      }),
      { maxLength: 3 },
    );
    const small = fc.nat(5);
    const plausible = fc.record({
      type: fc.constantFrom(...Object.values(MessageType)),
      to: fc.constant(1),
      from: fc.constantFrom(2, 3, 9),
      term: small,
      logTerm: small,
      index: small,
      entries: someEntries,
      commit: small,
      reject: fc.boolean(),
      rejectHint: small,
      force: fc.boolean(),
      readToken: small,
      snapshot: fc.constant(null),
    });
    const hostile = fc.tuple(
      plausible,
      fc.constantFrom(...numbers, 'entries', 'reject'),
      anything,
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 30 }), fc.boolean(), (script, leads) => {
        const target = new Host(1, { terms: [1, 2, 2], commit: 1, applied: 1, electionTick: 6 });
        if (leads) target.elect();
        for (const [m, field, value, isBroken] of script) {
          const broken = isBroken ? { ...m, [field]: value } : m;
          target.node.step(broken as unknown as Message);
          target.tick();
          const { commit, applied, durable, lastIndex } = target.node.status();
          expect(applied <= commit && commit <= lastIndex && durable <= lastIndex).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a message from a stranger', () => {
  it('is refused and raises no term, requests for votes with less than this log too', () => {
    const host = new Host(1, { terms: [1] });
    for (const type of [
      MsgVote,
      MsgPreVote,
      MsgVoteResp,
      MsgPreVoteResp,
      MsgAppResp,
      MsgHeartbeatResp,
    ]) {
      expectRefused(host, message(type, 9, 1, 50), 'unknown-peer');
    }
  });

  it('is taken from a leader: it is this configuration that is behind (dissertation 4.1)', () => {
    const host = new Host(1);
    expect(host.node.step(message(MsgApp, 9, 1, 5))).toBe('ok');
    expect(host.node.step(message(MsgHeartbeat, 9, 1, 5))).toBe('ok');
    expect(host.node.status()).toMatchObject({ term: 5, leader: 9 });
  });

  it('is taken from a candidate that has all of this log: its membership may be what is missing', () => {
    // 1 holds the entry that makes 9 a voter and does not know that it was committed; or it lacks it.
    for (const index of [2, 3]) {
      const host = new Host(1, { terms: [1, 1] });
      const sent = host.step(message(MsgVote, 9, 1, 5, { index, logTerm: 1 }));
      expect(sent).toMatchObject([{ type: MsgVoteResp, to: 9, term: 5, reject: false }]);
      expect(host.node.status()).toMatchObject({ term: 5, vote: 9 });
    }
    const led = new Host(1, { terms: [1, 1] });
    led.step(message(MsgHeartbeat, 2, 1, 1));
    expect(led.step(message(MsgVote, 9, 1, 5, { index: 3, logTerm: 1 }))).toEqual([]);
    expect(led.node.status().term).toBe(1);
  });

  it('is taken by one that has no configuration yet', () => {
    const host = new Host(1, { conf: voters() });
    expect(host.step(message(MsgVote, 9, 1, 5))).toMatchObject([
      { type: MsgVoteResp, reject: false },
    ]);
  });

  it('is no stranger’s if it was demoted: its higher term is adopted (hashicorp/raft#524)', () => {
    const host = new Host(1, { conf: { ...voters(1, 2), learners: [3] } });
    host.elect();
    host.step(message(MsgAppResp, 3, 1, 8));
    expect(host.node.status()).toMatchObject({ term: 8, role: StateType.StateFollower });
  });
});

describe('a message of an older term', () => {
  it('from a leader is answered with the newer one, so that it steps down', () => {
    const host = new Host(1, { hardState: { term: 5, vote: 0 } });
    for (const type of [MsgApp, MsgHeartbeat]) {
      expect(host.node.step(message(type, 2, 1, 3))).toBe('stale');
      expect(host.run()).toMatchObject([
        { type: MsgAppResp, to: 2, term: 5, index: 0, reject: false },
      ]);
    }
    const bare = { checkQuorum: false, preVote: false, hardState: { term: 5, vote: 0 } };
    expect(new Host(1, bare).step(message(MsgHeartbeat, 2, 1, 3))).toMatchObject([{ term: 5 }]);
    const old = new Host(2);
    old.elect();
    old.step(message(MsgAppResp, 1, 2, 5));
    expect(old.node.status()).toMatchObject({ term: 5, role: StateType.StateFollower });
  });

  it('from a leader gets no answer without pre-vote and check-quorum where etcd is followed to the letter', () => {
    const host = new Host(1, {
      hardState: { term: 5, vote: 0 },
      preVote: false,
      eagerAppend: true,
      checkQuorum: false,
    });
    expect(host.step(message(MsgApp, 2, 1, 3))).toEqual([]);
  });

  it('that asks for a vote is ignored, that asks for a pre-vote is refused in the own term', () => {
    const host = new Host(1, { hardState: { term: 5, vote: 0 } });
    expect(host.step(message(MsgVote, 2, 1, 3))).toEqual([]);
    expect(host.step(message(MsgPreVote, 2, 1, 3))).toMatchObject([
      { type: MsgPreVoteResp, term: 5, reject: true },
    ]);
  });

  it('is ignored if it is an answer', () => {
    const host = new Host(1, { hardState: { term: 5, vote: 0 } });
    for (const type of [MsgAppResp, MsgVoteResp, MsgPreVoteResp, MsgHeartbeatResp, MsgReadIndex]) {
      expect(host.node.step(message(type, 2, 1, 3, { readToken: 1 }))).toBe('stale');
    }
    expect(host.node.hasReady()).toBe(false);
  });
});

describe('a message of a newer term', () => {
  it('makes a leader, candidate or follower a follower in that term', () => {
    for (const prepare of [(h: Host) => h.elect(), (h: Host) => h.node.campaign(), () => {}]) {
      const host = new Host(1, { preVote: false });
      prepare(host);
      host.step(message(MsgAppResp, 2, 1, 9));
      expect(host.node.status()).toMatchObject({ term: 9, vote: 0, leader: 0, role: 0 });
      expect(host.storage.initialState().hardState.term).toBe(9);
    }
  });

  it('does not if it is a pre-vote or its grant', () => {
    const host = new Host(1);
    host.step(message(MsgPreVote, 2, 1, 9), message(MsgPreVoteResp, 2, 1, 9));
    expect(host.node.status().term).toBe(0);
  });
});
