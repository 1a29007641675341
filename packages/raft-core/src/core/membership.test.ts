import { applied, changeOf, Host, message, proposal, voters } from '../../test/harness/host.js';
import { ConfChangeTransition, EntryType, LEAVE_JOINT, MessageType, StateType } from '../index.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgTimeoutNow, MsgVote } = MessageType;
const { JointExplicit, JointImplicit } = ConfChangeTransition;
const options = { electionTick: 10, heartbeatTick: 2 };

/** Leader 1 of term 1 whose first entry is committed. */
function leader(conf = voters(1, 2, 3), more = {}): Host {
  const host = new Host(1, { conf, ...options, ...more });
  host.elect();
  ackAll(host);
  return host;
}

function ackAll(host: Host, ids = [2, 3, 4]): void {
  const index = host.node.status().lastIndex;
  for (const id of ids) host.step(message(MsgAppResp, id, 1, host.node.status().term, { index }));
}

describe('a configuration change', () => {
  it('takes effect when it is applied, not before', () => {
    const host = leader();
    expect(host.node.proposeConfChange(changeOf('v4'))).toMatchObject({ first: 2, last: 2 });
    host.run();
    expect(host.node.status().confState.voters).toEqual([1, 2, 3]);
    ackAll(host, [2]);
    expect(host.node.status().confState.voters).toEqual([1, 2, 3, 4]);
    expect(host.sent.some((m) => m.type === MsgApp && m.to === 4)).toBe(true);
  });

  it('keeps INVARIANT(one-conf-change): waits for the one before it and for an entry of this term', () => {
    const host = new Host(1, options);
    host.elect();
    expect(host.node.proposeConfChange(changeOf('v4'))).toEqual({ dropped: 'conf-change-pending' });
    ackAll(host);
    expect(host.node.proposeConfChange(changeOf('v4'))).toMatchObject({ first: 2 });
    expect(host.node.proposeConfChange(changeOf('v5'))).toEqual({ dropped: 'conf-change-pending' });
    ackAll(host);
    expect(host.node.proposeConfChange(changeOf('v5'))).toMatchObject({ first: 3 });
  });

  it('waits, at a new leader, for everything in its log to be applied', () => {
    const host = new Host(1, { ...options, terms: [1, 1], commit: 0 });
    host.autoApply = false;
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 2, { index: 3 }));
    expect(host.node.status()).toMatchObject({ commit: 3, applied: 0 });
    expect(host.node.proposeConfChange(changeOf('v4'))).toEqual({ dropped: 'conf-change-pending' });
    applied(host, 2);
    expect(host.node.proposeConfChange(changeOf('v4'))).toMatchObject({ first: 4 });
  });

  it.each([
    ['removes everybody', changeOf('r1 r2 r3'), 'invalid-conf-change'],
    ['leaves no joint configuration', LEAVE_JOINT, 'not-joint-conf'],
  ])('is refused if it %s', (_name, change, dropped) => {
    expect(leader().node.proposeConfChange(change)).toEqual({ dropped });
  });

  it('is refused in a joint configuration, unless it leaves it', () => {
    const host = leader({ ...voters(1, 2, 3), votersOutgoing: [1, 2] });
    expect(host.node.proposeConfChange(changeOf('v4'))).toEqual({ dropped: 'joint-conf' });
    expect(host.node.proposeConfChange(LEAVE_JOINT)).toMatchObject({ first: 2 });
    ackAll(host);
    expect(host.node.status().confState).toEqual(voters(1, 2, 3));
  });

  it('never brings back an id that was removed', () => {
    const host = leader();
    host.node.proposeConfChange(changeOf('r3'));
    host.run();
    ackAll(host);
    expect(host.node.status().confState.voters).toEqual([1, 2]);
    expect(host.node.proposeConfChange(changeOf('v3'))).toEqual({ dropped: 'retired-id' });
  });

  it('can be voided by the host, and is void by itself if it makes no configuration', () => {
    const host = leader();
    host.voidConfChanges = true;
    host.node.proposeConfChange(changeOf('v4'));
    host.run();
    ackAll(host);
    expect(host.confs).toMatchObject([{ refused: 'voided by the host' }]);
    expect(host.node.status().confState).toEqual(voters(1, 2, 3));
    const follower = new Host(2, options);
    const bad = {
      term: 1,
      index: 1,
      type: EntryType.EntryConfChangeV2,
      data: new Uint8Array(0),
      checksum: 0,
    };
    follower.step(message(MsgApp, 1, 2, 1, { entries: [bad], commit: 1 }));
    expect(follower.confs).toMatchObject([{ refused: "can't leave a non-joint config" }]);
  });

  it('keeps INVARIANT(conf-change-in-log): is applied once, in order, before its index is reported', () => {
    const host = leader();
    expect(() => host.node.applyConfChange(changeOf('v4'))).toThrow(/^conf-change-in-log/);
    host.autoApply = false;
    host.node.proposeConfChange(changeOf('v4'));
    host.run();
    ackAll(host);
    expect(() => host.node.applied(2)).toThrow(/^conf-change-in-log/);
    host.node.applyConfChange(changeOf('v4'));
    host.node.applied(2);
    expect(() => host.node.applyConfChange(changeOf('v4'))).toThrow(/^conf-change-in-log/);
  });

  it('that shrinks the quorum commits, and confirms reads, at once', () => {
    const host = leader(voters(1, 2, 3, 4));
    host.node.proposeConfChange(changeOf('r4'));
    host.run();
    host.autoApply = false;
    host.step(
      message(MsgAppResp, 2, 1, 1, { index: 2 }),
      message(MsgAppResp, 3, 1, 1, { index: 2 }),
    );
    const ticket = host.node.readIndex();
    host.node.propose(proposal('x'));
    const beat = host.run().find((m) => m.type === MsgHeartbeat);
    host.step(message(MsgHeartbeatResp, 2, 1, 1, { readToken: beat?.readToken ?? 0 }));
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
    expect(host.node.status().commit).toBe(2);
    expect(host.reads).toEqual([]);
    applied(host, 2);
    host.run();
    expect(host.node.status().commit).toBe(3);
    expect(host.reads).toMatchObject([{ ticket }]);
  });

  it('gives a newcomer the credit of being active, or check-quorum would depose the leader', () => {
    const host = leader(voters(1));
    host.node.proposeConfChange(changeOf('v2'));
    host.run();
    host.tick(10);
    expect(host.node.status().role).toBe(StateType.StateLeader);
  });
});

describe('entries above a configuration change', () => {
  it('keep INVARIANT(one-conf-commits): wait until it is applied, and are counted by what it makes', () => {
    const host = leader();
    host.autoApply = false;
    host.node.proposeConfChange(changeOf('v4'));
    host.node.propose(proposal('x'));
    host.run();
    ackAll(host, [2]);
    expect(host.node.status().commit).toBe(2);
    ackAll(host, [2]);
    expect(host.node.status().commit).toBe(2);
    applied(host, 2);
    expect(host.node.status().commit).toBe(2);
    ackAll(host, [3]);
    expect(host.node.status().commit).toBe(3);
  });

  it('wait no longer if nothing comes of it', () => {
    for (const isVoid of [true, false]) {
      const host = leader();
      host.autoApply = false;
      host.voidConfChanges = isVoid;
      host.node.proposeConfChange(changeOf('l4'));
      host.node.propose(proposal('x'));
      host.run();
      ackAll(host, [2]);
      expect(host.node.status().commit).toBe(2);
      applied(host, 2);
      expect(host.node.status().commit).toBe(3);
    }
  });

  it('of an older term do not: the entry that opens the term commits it, and no more until it is applied', () => {
    const change = {
      ...{ term: 1, index: 2, type: EntryType.EntryConfChangeV2, data: changeBytes(), checksum: 0 },
    };
    const host = new Host(1, { ...options, terms: [1] }, (storage) => storage.append([change], 0));
    host.autoApply = false;
    host.elect();
    host.node.propose(proposal('x'));
    host.run();
    expect(host.node.status().lastIndex).toBe(4);
    ackAll(host, [2]);
    expect(host.node.status().commit).toBe(3);
    applied(host, 3);
    expect(host.node.status()).toMatchObject({ commit: 3, confState: { voters: [1, 2, 3, 4] } });
    ackAll(host, [3]);
    expect(host.node.status().commit).toBe(4);
  });

  it('are counted by a leader that hears from a follower that the change is committed', () => {
    const change = {
      ...{ term: 1, index: 2, type: EntryType.EntryConfChangeV2, data: changeBytes(), checksum: 0 },
    };
    const host = new Host(1, { ...options, terms: [1] }, (storage) => storage.append([change], 0));
    host.autoApply = false;
    host.elect();
    host.run();
    // With this answer 1 and 2 of three hold entry 3, but of four that is no quorum.
    host.step(message(MsgAppResp, 2, 1, 2, { index: 3, commit: 2 }));
    expect(host.node.status().commit).toBe(2);
    applied(host, 2);
    expect(host.node.status()).toMatchObject({ commit: 2, confState: { voters: [1, 2, 3, 4] } });
    host.step(message(MsgAppResp, 4, 1, 2, { index: 3 }));
    expect(host.node.status().commit).toBe(3);
  });
});

describe('a joint configuration', () => {
  it('commits and elects by both halves only', () => {
    const host = leader();
    host.node.proposeConfChange({ ...changeOf('r2 r3 v4 v5'), transition: JointExplicit });
    host.run();
    ackAll(host, [2]);
    expect(host.node.status().confState).toMatchObject({
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
    });
    host.node.propose(proposal('x'));
    host.run();
    ackAll(host, [2, 3]);
    expect(host.node.status().commit).toBe(2);
    ackAll(host, [4]);
    expect(host.node.status().commit).toBe(3);
    host.node.propose(proposal('y'));
    host.run();
    ackAll(host, [4, 5]);
    expect(host.node.status().commit).toBe(3);
    ackAll(host, [3]);
    expect(host.node.status().commit).toBe(4);
  });

  it('leaves itself unless that is to be explicit, and keeps demoted voters until then', () => {
    const host = leader();
    host.node.proposeConfChange({ ...changeOf('l3 v4'), transition: JointImplicit });
    host.run();
    ackAll(host, [2]);
    expect(host.node.status().confState).toMatchObject({ learnersNext: [3], autoLeave: true });
    ackAll(host, [2, 3, 4]);
    expect(host.node.status().confState).toEqual({ ...voters(1, 2, 4), learners: [3] });
  });

  it('is left although a transfer, or a full log, stood in the way at first', () => {
    const host = leader(voters(1, 2, 3));
    host.node.proposeConfChange({ ...changeOf('r3 v4'), transition: JointImplicit });
    host.run();
    host.autoApply = false;
    ackAll(host, [2]);
    host.node.transferLeader(2);
    applied(host, 2);
    host.run();
    expect(host.node.status()).toMatchObject({ lastIndex: 2, confState: { autoLeave: true } });
    // The transfer ends; nothing new is applied; a tick tries again.
    for (let i = 0; i < 10; i++) {
      host.tick();
      for (const id of [2, 3, 4]) host.step(message(MsgHeartbeatResp, id, 1, 1));
    }
    expect(host.node.status().lastIndex).toBe(3);
  });

  it('entered under an earlier leader is left by the next one', () => {
    const conf = { ...voters(1, 2), votersOutgoing: [1, 2, 3], autoLeave: true };
    const host = leader(conf);
    expect(host.node.status().lastIndex).toBe(2);
    ackAll(host);
    expect(host.node.status().confState).toEqual(voters(1, 2));
  });
});

describe('a leader that is removed', () => {
  const removed = (more = {}): Host => {
    const host = leader(voters(1, 2, 3), more);
    host.node.proposeConfChange(changeOf('r1'));
    host.run();
    host.sent = [];
    ackAll(host, [2, 3]);
    return host;
  };

  it('tells its followers of the commit, hands over to the best of them, and takes no proposals', () => {
    const host = removed();
    const commits = host.sent.filter((m) => m.type === MsgApp && m.commit === 2).map((m) => m.to);
    expect(new Set(commits)).toEqual(new Set([2, 3]));
    expect(host.sent.find((m) => m.type === MsgTimeoutNow)).toMatchObject({ to: 2 });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'stepping-down' });
    expect(host.node.status()).toMatchObject({
      role: StateType.StateLeader,
      steppingDown: 'removed',
    });
  });

  it('calls its successor again, who may not have applied the change yet', () => {
    const host = removed();
    host.sent = [];
    host.tick(2);
    expect(host.sent.filter((m) => m.type === MsgTimeoutNow)).toMatchObject([{ to: 2 }]);
  });

  it('steps down after one election timeout and never campaigns again', () => {
    const host = removed();
    for (let i = 0; i < 9; i++) {
      host.tick();
      for (const id of [2, 3]) host.step(message(MsgHeartbeatResp, id, 1, 1));
    }
    expect(host.node.status().role).toBe(StateType.StateLeader);
    host.tick();
    expect(host.node.status().role).toBe(StateType.StateFollower);
    host.tick(100);
    expect(host.node.status()).toMatchObject({ term: 1, role: StateType.StateFollower });
  });

  it('leads on if the host wants that, without counting itself', () => {
    const host = removed({ stepDownOnRemoval: false });
    expect(host.node.status()).toMatchObject({ role: StateType.StateLeader, steppingDown: null });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'not-voter' });
  });

  it('aborts a transfer to one that is removed itself', () => {
    const host = leader(voters(1, 2, 3));
    host.node.proposeConfChange(changeOf('r3'));
    host.run();
    host.node.transferLeader(3);
    ackAll(host, [2]);
    expect(host.node.status().leadTransferee).toBe(0);
  });
});

describe('a campaign', () => {
  it('does not begin while a configuration change is committed and not applied (etcd#7280)', () => {
    const host = new Host(2, options);
    host.autoApply = false;
    const change = {
      term: 1,
      index: 1,
      type: EntryType.EntryConfChangeV2,
      data: changeBytes(),
      checksum: 0,
    };
    host.step(message(MsgApp, 1, 2, 1, { entries: [change], commit: 0 }));
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
    host.step(message(MsgApp, 1, 2, 1, { index: 1, logTerm: 1, commit: 1 }));
    host.node.campaign();
    host.tick(40);
    expect(host.node.status()).toMatchObject({ term: 1, role: StateType.StateFollower });
    applied(host, 1);
    host.node.campaign();
    expect(host.run().length).toBeGreaterThan(0);
  });

  it('ordered by the leader does not begin either', () => {
    const host = new Host(2, options);
    host.autoApply = false;
    const change = {
      term: 1,
      index: 1,
      type: EntryType.EntryConfChangeV2,
      data: changeBytes(),
      checksum: 0,
    };
    host.step(message(MsgApp, 1, 2, 1, { entries: [change], commit: 1 }));
    const sent = host.step(message(MsgTimeoutNow, 1, 2, 1));
    expect(sent.filter((m) => m.type === MsgVote)).toEqual([]);
  });
});

function changeBytes(): Uint8Array {
  return Uint8Array.from([1, 0, 1, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
}
