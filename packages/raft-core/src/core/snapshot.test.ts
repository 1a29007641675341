import { Cluster } from '../../test/harness/cluster.js';
import { changeOf, entry, Host, log, message, proposal, voters } from '../../test/harness/host.js';
import {
  EntryType,
  encodeConfChange,
  MessageType,
  ProgressState,
  type SnapshotMetadata,
  StateType,
} from '../index.js';

const { MsgApp, MsgAppResp, MsgSnap, MsgSnapReq, MsgHeartbeat, MsgHeartbeatResp } = MessageType;
const options = { electionTick: 10, heartbeatTick: 2 };
const snapshotAt = (index: number, term = 1, conf = voters(1, 2, 3)): SnapshotMetadata => ({
  index,
  term,
  confState: conf,
});
const snap = (snapshot: SnapshotMetadata, term = 2) => message(MsgSnap, 1, 2, term, { snapshot });

function progressOf(host: Host, id: number) {
  let found: unknown;
  host.node.progress((member, p) => {
    if (member === id) found = { ...p, inflights: undefined };
  });
  return found;
}

describe('a follower that is sent a snapshot', () => {
  it('installs it with the configuration as of its index and acknowledges when that is durable', () => {
    const host = new Host(2, { ...options, terms: [1, 1] });
    host.autoAppend = false;
    const sent = host.step(snap(snapshotAt(9, 2, voters(1, 2, 4))));
    expect(sent.filter((m) => m.type === MsgAppResp)).toEqual([]);
    expect(host.open).toMatchObject([{ entries: [], commit: 9, snapshot: { index: 9, term: 2 } }]);
    expect(host.node.status()).toMatchObject({
      commit: 9,
      lastIndex: 9,
      firstIndex: 10,
      applied: 0,
      isInstalling: true,
      confState: voters(1, 2, 4),
    });
    host.completeAll();
    expect(host.run()).toMatchObject([{ type: MsgAppResp, index: 9 }]);
    expect(host.node.status()).toMatchObject({ applied: 9, durable: 9, isInstalling: false });
  });

  it('does not campaign and applies nothing until it is installed', () => {
    const host = new Host(2, options);
    host.autoAppend = false;
    host.step(
      snap(snapshotAt(5)),
      message(MsgApp, 1, 2, 2, { index: 5, logTerm: 1, entries: log([2], 6), commit: 6 }),
    );
    host.node.campaign();
    host.tick(40);
    expect(host.node.status()).toMatchObject({ role: StateType.StateFollower, commit: 6 });
    expect(host.committed).toEqual([]);
    host.completeAll();
    host.run();
    expect(host.committed.map((e) => e.index)).toEqual([6]);
  });

  it('only learns of the commit where its log holds the same entry', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1] });
    host.step(snap(snapshotAt(2)));
    expect(host.node.status()).toMatchObject({ commit: 2, lastIndex: 3, isInstalling: false });
    expect(host.sent.at(-1)).toMatchObject({ type: MsgAppResp, index: 2 });
  });

  it('drops uncommitted entries that are not part of it', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1], commit: 1 });
    host.step(snap(snapshotAt(2, 2)));
    expect(host.node.status()).toMatchObject({ commit: 2, lastIndex: 2, uncommittedBytes: 0 });
  });

  it('keeps INVARIANT(snapshot-ahead): an old one changes nothing', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1], commit: 3 });
    host.step(snap(snapshotAt(2, 1, voters(2))));
    expect(host.node.status()).toMatchObject({
      commit: 3,
      lastIndex: 3,
      confState: voters(1, 2, 3),
    });
    expect(host.sent.at(-1)).toMatchObject({ type: MsgAppResp, index: 3 });
  });

  it('changes nothing either if its index is compacted here', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1], commit: 3, applied: 3 });
    host.storage.compact(3);
    expect(host.node.step(snap(snapshotAt(2, 2)))).toBe('ok');
    expect(host.node.step(snap(snapshotAt(1)))).toBe('ok');
    expect(host.node.status()).toMatchObject({ commit: 3, lastIndex: 3, isInstalling: false });
  });

  it('keeps INVARIANT(snapshot-for-member): refuses one of a configuration without it', () => {
    const host = new Host(2, options);
    host.step(snap(snapshotAt(9, 1, voters(1, 3))));
    expect(host.node.status()).toMatchObject({ lastIndex: 0, isInstalling: false });
  });

  it('releases no acknowledgement of entries that it replaced', () => {
    const host = new Host(2, options);
    host.autoAppend = false;
    host.step(message(MsgApp, 1, 2, 1, { entries: log([1, 1]) }));
    host.step(snap(snapshotAt(5, 2)));
    host.completeNext();
    expect(host.run().filter((m) => m.type === MsgAppResp)).toEqual([]);
    host.completeAll();
    expect(host.run()).toMatchObject([{ type: MsgAppResp, index: 5 }]);
  });

  it('is not installed over entries that wait with it for the next ready()', () => {
    const host = new Host(2, { ...options, repair: true, terms: [1, 1, 1], commit: 3 }, (storage) =>
      storage.damage(2),
    );
    host.run();
    host.node.step(message(MsgHeartbeat, 1, 2, 1));
    const [announced] = host.run().filter((m) => m.repairIndex > 0);
    const readToken = announced?.readToken ?? 0;
    const more = { entries: log([1, 1], 4), commit: 5, readToken, repairIndex: 5 };
    host.node.step(message(MsgApp, 1, 2, 1, { index: 3, logTerm: 1, ...more }));
    host.node.step(snap(snapshotAt(5), 1));
    host.node.step(snap(snapshotAt(5), 1));
    host.run();
    host.tick(3);
    expect(host.storage.lastIndex()).toBe(5);
    expect(host.snapshots.map((s) => s.index)).toEqual([5]);
    expect(host.node.status()).toMatchObject({ applied: 5, lastIndex: 5, damaged: [] });
    expect(host.step(message(MsgApp, 1, 2, 1, { index: 5, logTerm: 1, readToken }))).toMatchObject([
      { type: MsgAppResp, index: 5 },
    ]);
  });

  it('lets a change that was handed out before take effect where the host still is', () => {
    const host = new Host(2, options);
    host.autoApply = false;
    const change = {
      ...entry(1, 1),
      type: EntryType.EntryConfChangeV2,
      data: encodeConfChange(changeOf('v4')),
    };
    host.step(message(MsgApp, 1, 2, 1, { entries: [change], commit: 1 }));
    expect(host.committed.map((e) => e.index)).toEqual([1]);
    host.autoAppend = false;
    host.step(snap(snapshotAt(9, 2, voters(1, 2, 5))));
    expect(host.node.applyConfChange(changeOf('v4'))).toMatchObject({
      confState: { voters: [1, 2, 3, 4] },
    });
    host.node.applied(1);
    expect(host.node.status().confState).toEqual(voters(1, 2, 5));
    host.completeAll();
    expect(host.node.status()).toMatchObject({ applied: 9, confState: voters(1, 2, 5) });
  });

  it('ends the wait for what it proposed as leader and was not handed out yet', () => {
    const host = new Host(1, options);
    host.elect();
    host.autoAppend = false;
    host.node.propose(proposal('x'));
    host.run();
    host.step(
      message(MsgAppResp, 2, 1, 1, { index: 2 }),
      message(MsgAppResp, 3, 1, 1, { index: 2 }),
    );
    expect(host.node.status()).toMatchObject({ commit: 2, durable: 1 });
    host.step(message(MsgSnap, 2, 1, 2, { snapshot: snapshotAt(5, 2) }));
    expect(host.drops).toEqual([
      { kind: 'proposals', term: 1, first: 2, last: 2, reason: 'snapshot' },
    ]);
  });

  it('takes a newer one while the first is being installed', () => {
    const host = new Host(2, options);
    host.autoAppend = false;
    host.step(snap(snapshotAt(5)), snap(snapshotAt(8, 2)));
    host.completeNext();
    host.run();
    host.completeAll();
    host.run();
    expect(host.node.status()).toMatchObject({ applied: 8, lastIndex: 8, isInstalling: false });
  });

  it('is installed once, although it comes twice while an entry below it is damaged', () => {
    const host = new Host(
      2,
      { ...options, repair: true, terms: [1, 1, 1, 1], commit: 4 },
      (storage) => storage.damage(2),
    );
    host.run();
    expect(host.node.status()).toMatchObject({ applied: 1, damaged: [2] });
    host.autoAppend = false;
    host.step(snap(snapshotAt(3)));
    // What the network repeats, and what was sent before it.
    host.step(snap(snapshotAt(3)), snap(snapshotAt(2)));
    host.completeNext();
    host.run();
    host.completeAll();
    host.tick();
    expect(host.snapshots.map((s) => s.index)).toEqual([3]);
    expect(host.node.status()).toMatchObject({ applied: 4, isInstalling: false, damaged: [] });
  });

  it.each([
    ['none', null],
    ['index 0', { ...snapshotAt(1), index: 0 }],
    ['a later term', snapshotAt(3, 9)],
    ['no voters', snapshotAt(3, 1, voters())],
    ['a voter that is a learner', snapshotAt(3, 1, { ...voters(1, 2), learners: [2] })],
    ['unsorted voters', snapshotAt(3, 1, voters(2, 1))],
  ])('refuses one with %s', (_name, snapshot) => {
    const host = new Host(2, options);
    expect(host.node.step(message(MsgSnap, 1, 2, 2, { snapshot }))).toBe('invalid');
  });
});

describe('a leader whose log is compacted', () => {
  function compacted(more = {}): Host {
    const host = new Host(1, { ...options, ...more });
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.node.propose(proposal('a', 'b'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
    host.storage.setSnapshot(3);
    host.storage.compact(3);
    host.sent = [];
    return host;
  }

  it('announces a snapshot and sends nothing more until its end is known', () => {
    const host = compacted();
    const sent = host.step(message(MsgAppResp, 3, 1, 1, { index: 0, reject: true, rejectHint: 0 }));
    expect(sent).toMatchObject([{ type: MsgSnap, to: 3, snapshot: { index: 3 } }]);
    host.node.propose(proposal('c'));
    expect(host.run().filter((m) => m.to === 3)).toEqual([]);
    host.step(message(MsgAppResp, 3, 1, 1, { index: 3 }));
    expect(progressOf(host, 3)).toMatchObject({ match: 3, state: ProgressState.StateReplicate });
  });

  it('probes again when the host reports the end, or never reports it (etcd#10225)', () => {
    for (const end of ['ok', 'failed', 'silence'] as const) {
      const host = compacted({ snapshotTimeoutTick: 20 });
      host.step(message(MsgAppResp, 3, 1, 1, { index: 0, reject: true, rejectHint: 0 }));
      if (end !== 'silence') host.node.reportSnapshot(3, end === 'ok');
      for (let i = 0; i < 20; i++) {
        host.tick();
        host.step(message(MsgHeartbeatResp, 2, 1, 1));
      }
      expect([end, progressOf(host, 3)]).toMatchObject([end, { state: ProgressState.StateProbe }]);
    }
  });

  it('announces none to a follower that was never heard, and none that cannot be had', () => {
    const host = compacted();
    host.tick(2);
    expect(host.sent.filter((m) => m.type === MsgSnap)).toEqual([]);
  });
});

describe('one that has the newest log and no state machine', () => {
  /** Of voters 1 to 3 only 1 and `other` are there; 1 alone has entries 2 and 3. */
  function pair(other: number): Cluster {
    const cluster = new Cluster([1, other], (id) => ({
      ...options,
      terms: id === 1 ? [1, 1, 1] : [1],
      random: () => 0.1 * id,
    }));
    cluster.host(1).node.requestSnapshot();
    return cluster;
  }

  it.each([2, 3])('leads when nobody else did for long, only to give %i its log', (other) => {
    const cluster = pair(other);
    cluster.tick(39);
    expect(cluster.terms).toEqual([1, 1]);
    expect(cluster.ticksToLeader(60, (id) => id === other)).not.toBeNull();
    expect([...cluster.history.values()]).toEqual([1, other]);
    const status = cluster.host(other).node.status();
    expect(status.commit).toBe(status.lastIndex);
    cluster.host(other).storage.setSnapshot(status.applied);
    cluster.tick(10);
    expect(cluster.host(1).snapshots).toMatchObject([{ index: status.applied }]);
    cluster.tick(100);
    expect(cluster.leaders).toEqual([other]);
  });

  it('takes no proposals meanwhile', () => {
    const host = new Host(1, options);
    host.node.requestSnapshot();
    host.tick(40);
    host.elect();
    expect(host.node.status()).toMatchObject({
      role: StateType.StateLeader,
      steppingDown: 'snapshot-wanted',
    });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'stepping-down' });
  });

  it('does not where others can', () => {
    const cluster = new Cluster([1, 2, 3], (id) => ({ ...options, random: () => 0.1 * id }));
    cluster.host(1).node.requestSnapshot();
    cluster.tick(30);
    expect(cluster.leaders).toEqual([2]);
    cluster.kill(2);
    cluster.tick(60);
    expect(cluster.leaders).toEqual([3]);
  });

  it('does not where nobody could give it a snapshot', () => {
    const host = new Host(1, { ...options, conf: voters(1) });
    host.node.requestSnapshot();
    host.tick(200);
    expect(host.node.status()).toMatchObject({ term: 0, role: StateType.StateFollower });
  });
});

describe('requestSnapshot', () => {
  it('asks with each heartbeat until one comes, and then replaces the state machine alone', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1], commit: 3 });
    host.run();
    host.step(message(MsgHeartbeat, 1, 2, 1));
    host.node.requestSnapshot();
    expect(host.run()).toMatchObject([{ type: MsgSnapReq, to: 1, index: 3 }]);
    expect(host.step(message(MsgHeartbeat, 1, 2, 1)).map((m) => m.type)).toContain(MsgSnapReq);
    host.node.campaign();
    host.run();
    expect(host.node.status().role).toBe(StateType.StateFollower);
    host.step(snap(snapshotAt(3), 1));
    expect(host.node.status()).toMatchObject({ lastIndex: 3, applied: 3, isInstalling: false });
    expect(host.snapshots).toMatchObject([{ index: 3 }]);
    expect(host.step(message(MsgHeartbeat, 1, 2, 1)).map((m) => m.type)).not.toContain(MsgSnapReq);
  });

  it('replaces the state machine after the entries that came with the snapshot, never before', () => {
    const host = new Host(2, { ...options, terms: [1, 1, 1], commit: 3 });
    host.run();
    host.step(message(MsgHeartbeat, 1, 2, 1));
    host.node.requestSnapshot();
    host.run();
    const entries = [{ term: 1, index: 4, type: 0, data: new Uint8Array(0), checksum: 0 } as const];
    host.node.step(message(MsgApp, 1, 2, 1, { index: 3, logTerm: 1, entries, commit: 3 }));
    host.node.step(snap(snapshotAt(4), 1));
    const first = host.node.ready().append;
    expect(first).toMatchObject({ entries: [{ index: 4 }], snapshot: null });
    const second = host.node.ready().append;
    expect(second).toMatchObject({ entries: [], snapshot: { index: 4 } });
  });

  it('hands out again what was applied above the snapshot, configuration changes too', () => {
    const host = new Host(2, options);
    host.autoApply = false;
    const change = {
      ...entry(1, 4),
      type: EntryType.EntryConfChangeV2,
      data: encodeConfChange(changeOf('v4')),
    };
    const entries = [...log([1, 1, 1]), change, entry(1, 5)];
    host.step(message(MsgApp, 1, 2, 1, { entries, commit: 5 }));
    host.node.requestSnapshot();
    host.run();
    host.autoAppend = false;
    // The host goes on applying until it is told of the snapshot.
    host.node.step(snap(snapshotAt(3), 1));
    host.apply(5);
    expect(host.node.status()).toMatchObject({ applied: 5, confState: voters(1, 2, 3) });
    host.run();
    host.completeAll();
    host.run();
    expect(host.node.status()).toMatchObject({ applied: 3, confState: voters(1, 2, 3) });
    expect(host.committed.map((e) => e.index)).toEqual([1, 2, 3, 4, 5, 4, 5]);
    host.apply(5);
    expect(host.node.status()).toMatchObject({ applied: 5, confState: voters(1, 2, 3, 4) });
    expect(host.confs).toHaveLength(2);
  });

  it('leaves alone a snapshot that is being installed', () => {
    const host = new Host(2, options);
    host.autoAppend = false;
    host.step(snap(snapshotAt(9, 2)));
    host.step(message(MsgApp, 1, 2, 2, { index: 9, logTerm: 2, entries: log([2], 10) }));
    host.node.requestSnapshot();
    host.step(snap(snapshotAt(10, 2)));
    expect(host.node.status()).toMatchObject({ firstIndex: 10, commit: 10 });
    host.completeAll();
    host.run();
    host.completeAll();
    expect(host.snapshots.map((s) => s.index)).toEqual([9]);
    expect(host.node.status()).toMatchObject({ firstIndex: 10, applied: 10, durable: 10 });
    expect(host.step(message(MsgHeartbeat, 1, 2, 2)).map((m) => m.type)).toContain(MsgSnapReq);
  });

  it('goes on being sent entries while its leader has no snapshot for it', () => {
    const host = new Host(1, options);
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.step(message(MsgSnapReq, 2, 1, 1, { index: 1 }));
    host.node.propose(proposal('x'));
    expect(host.run().filter((m) => m.to === 2)).toMatchObject([{ type: MsgApp, index: 1 }]);
  });

  it('is served by a leader with a snapshot that is new enough', () => {
    const host = new Host(1, options);
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.storage.setSnapshot(1);
    expect(host.step(message(MsgSnapReq, 2, 1, 1, { index: 2 }))).toEqual([]);
    expect(host.step(message(MsgSnapReq, 2, 1, 1, { index: 1 }))).toMatchObject([
      { type: MsgSnap },
    ]);
  });

  it('makes a leader hand over', () => {
    const host = new Host(1, options);
    host.elect();
    host.node.requestSnapshot();
    host.run();
    expect(host.node.status().steppingDown).toBe('snapshot-wanted');
  });
});
