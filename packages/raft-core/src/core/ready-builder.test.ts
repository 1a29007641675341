import { Host, message, proposal, voters } from '../../test/harness/host.js';
import { defaultConfig, MemoryStorage, MessageType, RaftConfigError, RawNode } from '../index.js';

const { MsgApp, MsgAppResp, MsgHeartbeat } = MessageType;

describe('ready', () => {
  it('is empty, and not asked for, when nothing has happened', () => {
    const { node } = new Host(1, { terms: [1, 1] });
    expect(node.hasReady()).toBe(false);
    expect(node.ready()).toEqual({
      softState: null,
      hardState: null,
      append: null,
      messages: [],
      committed: [],
      repairs: [],
      reads: [],
      drops: [],
    });
  });

  it('says everything once', () => {
    const host = new Host(1, { conf: voters(1) });
    host.node.campaign();
    expect(host.node.ready()).toMatchObject({
      softState: { leader: 0, role: 2 },
      hardState: { term: 1, vote: 1 },
      append: { ticket: 1, entries: [] },
    });
    expect(host.node.hasReady()).toBe(false);
    host.node.appended(1);
    expect(host.node.ready()).toMatchObject({
      softState: { leader: 1, role: 3 },
      hardState: null,
      append: { ticket: 2, entries: [{ index: 1 }], commit: 0, snapshot: null },
    });
    expect(host.node.hasReady()).toBe(false);
  });

  it('has no hard state when term and vote are as they were', () => {
    const host = new Host(2, { hardState: { term: 4, vote: 1 } });
    host.node.step(message(MsgHeartbeat, 1, 2, 4));
    expect(host.node.ready()).toMatchObject({
      hardState: null,
      append: null,
      softState: { leader: 1 },
    });
  });

  it('hands tickets out one by one, and any number may be open', () => {
    const host = new Host(1);
    host.elect();
    host.autoAppend = false;
    for (const text of ['a', 'b', 'c']) {
      host.node.propose(proposal(text));
      host.run();
    }
    const tickets = host.open.map((a) => a.ticket);
    expect(tickets).toEqual([tickets[0], tickets[0]! + 1, tickets[0]! + 2]);
    expect(host.node.status().durable).toBe(1);
    for (const append of host.open) host.storage.append(append.entries, append.commit);
    host.node.appended(tickets[2]!);
    expect(host.node.status().durable).toBe(4);
    host.node.appended(tickets[1]!);
    expect(() => host.node.appended(tickets[2]! + 1)).toThrow(/^tickets-in-order/);
  });

  it('gives committed entries out only as fast as they are applied', () => {
    const host = new Host(2, { maxApplyingBytes: 54, terms: [1, 1, 1, 1] });
    host.autoApply = false;
    host.step(message(MsgHeartbeat, 1, 2, 1, { commit: 4 }));
    expect(host.committed.map((e) => e.index)).toEqual([1, 2]);
    expect(host.node.hasReady()).toBe(false);
    host.node.applied(2);
    host.run();
    expect(host.committed.map((e) => e.index)).toEqual([1, 2, 3, 4]);
  });

  it('reuses no array that it gave to the host', () => {
    const host = new Host(1);
    host.elect();
    host.node.propose(proposal('a'));
    const first = host.node.ready();
    const copy = { ...first, messages: [...first.messages] };
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    expect(first).toEqual(copy);
  });
});

describe('a replica that starts', () => {
  const start = (over: object) => () =>
    new RawNode({
      ...defaultConfig,
      id: 1,
      storage: new MemoryStorage(voters(1)),
      random: () => 0,
      ...over,
    });

  it.each([
    { id: 0 },
    { id: 1.5 },
    { applied: -1 },
    { heartbeatTick: 0 },
    { electionTick: 5 },
    { maxInflightMsgs: 0 },
    { maxInflightBytes: 0 },
    { maxSizePerMsg: Number.NaN },
    { maxUncommittedBytes: -1 },
    { maxApplyingBytes: 0 },
  ])('refuses the configuration %j', (over) => {
    expect(start(over)).toThrow(RaftConfigError);
  });

  it('keeps INVARIANT(term-before-entries): refuses a log whose last term is above its hard state', () => {
    const storage = new MemoryStorage(voters(1));
    storage.setHardState({ term: 1, vote: 0 });
    storage.append([{ term: 2, index: 1, type: 0, data: new Uint8Array(0), checksum: 0 }], 0);
    expect(start({ storage })).toThrow(/^term-before-entries/);
  });

  it('begins after the edge that all members share', () => {
    const storage = new MemoryStorage(voters(1), { index: 1, term: 1 });
    const node = start({ storage, applied: 1 })();
    expect(node.status()).toMatchObject({
      term: 1,
      commit: 1,
      applied: 1,
      firstIndex: 2,
      lastIndex: 1,
    });
  });

  it('tells its logger what happens', () => {
    const events: string[] = [];
    const host = new Host(1, { conf: voters(1), logger: { info: (event) => events.push(event) } });
    host.elect();
    expect(events).toContain('raft.leader.elected');
    host.step(message(MsgApp, 2, 1, 9));
    expect(events).toContain('raft.follower');
  });
});
