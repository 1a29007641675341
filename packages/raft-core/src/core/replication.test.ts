import { Host, type HostOptions, log, message, proposal, voters } from '../../test/harness/host.js';
import { entrySizeBytes, type Message, MessageType, ProgressState, StateType } from '../index.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgSnap } = MessageType;
const { StateProbe, StateReplicate, StateSnapshot } = ProgressState;

function leader(options: HostOptions = {}): Host {
  const host = new Host(1, { electionTick: 10, heartbeatTick: 3, checkQuorum: false, ...options });
  host.elect();
  return host;
}

const term = (host: Host) => host.node.status().term;
const apps = (messages: readonly Message[], to = 2) =>
  messages.filter((m) => m.type === MsgApp && m.to === to);
const ack = (host: Host, from: number, index: number) =>
  message(MsgAppResp, from, 1, term(host), { index });
const beat = (host: Host, from: number) => message(MsgHeartbeatResp, from, 1, term(host));

function progressOf(host: Host, id: number) {
  let found: unknown;
  host.node.progress((other, p) => {
    if (other === id) found = { match: p.match, next: p.next, state: p.state, paused: p.isPaused };
  });
  return found;
}

/** Follower 2 is replicating and holds everything. */
function replicating(options: HostOptions = {}): Host {
  const host = leader(options);
  host.step(ack(host, 2, host.node.status().lastIndex));
  return host;
}

describe('a proposal', () => {
  it('is accepted with its term and indexes, in memory only', () => {
    const host = replicating();
    expect(host.node.propose(proposal('a', 'b'))).toEqual({ term: 1, first: 2, last: 3 });
    expect(host.node.status()).toMatchObject({ lastIndex: 3, durable: 1 });
    expect(host.storage.lastIndex()).toBe(1);
  });

  it('is refused where there is no leadership, with the reason', () => {
    const host = new Host(1);
    expect(host.node.propose(proposal('a'))).toEqual({ dropped: 'no-leader' });
    host.step(message(MsgHeartbeat, 2, 1, 1));
    expect(host.node.propose(proposal('a'))).toEqual({ dropped: 'not-leader' });
  });

  it('of nothing is the empty range', () => {
    const host = replicating();
    expect(host.node.propose([])).toEqual({ term: 1, first: 2, last: 1 });
    expect(host.run()).toEqual([]);
  });

  it('keeps the checksum and the very bytes of the host', () => {
    const host = replicating();
    const [data] = proposal('abc');
    host.node.propose([{ data: data!.data, checksum: 0xfeedbeef }]);
    const sent = apps(host.run())[0]!.entries[0]!;
    expect(sent.checksum).toBe(0xfeedbeef);
    expect(sent.data).toBe(data!.data);
  });

  it('shares one MsgApp for each follower with all others of its turn', () => {
    const host = replicating();
    for (const text of ['a', 'b', 'c']) host.node.propose(proposal(text));
    expect(apps(host.run()).map((m) => m.entries.length)).toEqual([3]);
  });

  it('has a MsgApp of its own with eagerAppend', () => {
    const host = replicating({ eagerAppend: true });
    for (const text of ['a', 'b', 'c']) host.node.propose(proposal(text));
    expect(apps(host.run()).map((m) => m.entries.length)).toEqual([1, 1, 1]);
  });
});

describe('the limit of uncommitted bytes', () => {
  const size = entrySizeBytes(log([1])[0]!);
  const three = proposal('1/1', '1/1', '1/1');

  it('refuses what exceeds it, but never the first of any size', () => {
    const host = replicating({ maxUncommittedBytes: 2 * size });
    expect(host.node.propose(three)).toMatchObject({ first: 2 });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'uncommitted-limit' });
    host.run();
    host.step(ack(host, 2, 4));
    expect(host.node.status().uncommittedBytes).toBe(0);
    expect(host.node.propose(proposal('x'))).toMatchObject({ first: 5 });
  });

  it('lets empty entries pass: they are free', () => {
    const host = replicating({ maxUncommittedBytes: 1 });
    host.node.propose(three);
    expect(host.node.propose(proposal(''))).toMatchObject({ first: 5 });
  });

  it('is kept across terms, and does not refuse the empty entry of a new one', () => {
    const host = replicating({ maxUncommittedBytes: 2 * size });
    host.node.propose(three);
    host.run();
    host.step(message(MsgHeartbeat, 3, 1, 5));
    host.elect();
    host.node.campaign();
    expect(host.node.status()).toMatchObject({ lastIndex: 5, role: StateType.StateLeader });
    expect(host.node.propose(proposal('x'))).toEqual({ dropped: 'uncommitted-limit' });
  });

  it('counts the tail that a restart finds', () => {
    const host = new Host(1, { terms: [1, 1, 1], commit: 1, applied: 1 });
    expect(host.node.status().uncommittedBytes).toBe(2 * size);
  });
});

describe('a new leader', () => {
  it('opens its term with an empty entry and probes for it', () => {
    const host = new Host(1, { terms: [1, 1, 2] });
    const sent = apps(host.elect());
    expect(sent).toMatchObject([{ term: 3, index: 3, logTerm: 2, commit: 0 }]);
    expect(sent[0]!.entries).toMatchObject([
      { term: 3, index: 4, data: { length: 0 }, checksum: 0 },
    ]);
    expect(progressOf(host, 2)).toEqual({ match: 0, next: 4, state: StateProbe, paused: true });
  });
});

describe('a probing follower', () => {
  it('gets one message at a time', () => {
    const host = leader();
    host.node.propose(proposal('a'));
    expect(host.run()).toEqual([]);
    const sent = apps(host.step(beat(host, 2)));
    expect(sent).toMatchObject([{ index: 0 }]);
    expect(sent[0]!.entries).toHaveLength(2);
  });

  it('replicates after its first acknowledgement', () => {
    const host = replicating();
    expect(progressOf(host, 2)).toEqual({
      match: 1,
      next: 2,
      state: StateReplicate,
      paused: false,
    });
  });

  it('is led back a whole term at a time by the hints of both sides (figure 7)', () => {
    // The leader has terms 1 1 1 4 4 5 5 6 6 6; the follower 1 1 1 2 2 2 3 3 3 3 3.
    const host = leader({ terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6] });
    const t = term(host);
    const first = apps(host.sent).pop()!;
    expect(first).toMatchObject({ index: 10, logTerm: 6 });
    const rejection = { index: 10, reject: true, rejectHint: 10, logTerm: 3 };
    const second = apps(host.step(message(MsgAppResp, 2, 1, t, rejection)));
    // No entry above 3 of the leader has a term at or below 3.
    expect(second).toMatchObject([{ index: 3, logTerm: 1 }]);
    expect(second[0]!.entries).toHaveLength(8);
  });

  it('takes the hint alone if it has no term', () => {
    const host = leader({ terms: [1, 1, 1] });
    const rejection = { index: 3, reject: true, rejectHint: 1 };
    const sent = apps(host.step(message(MsgAppResp, 2, 1, term(host), rejection)));
    expect(sent).toMatchObject([{ index: 1 }]);
  });

  it('ignores stale rejections', () => {
    const host = leader({ terms: [1, 1, 1] });
    const stale = message(MsgAppResp, 2, 1, term(host), { index: 2, reject: true, rejectHint: 0 });
    expect(host.node.step(stale)).toBe('stale');
    expect(host.run()).toEqual([]);
    expect(progressOf(host, 2)).toMatchObject({ next: 4, paused: true });
  });
});

describe('a replicating follower', () => {
  it('gets entries without waiting for acknowledgements, up to its window', () => {
    const host = replicating({ maxInflightMsgs: 2 });
    const counts = ['a', 'b', 'c'].map((text) => {
      host.node.propose(proposal(text));
      return apps(host.run()).length;
    });
    expect(counts).toEqual([1, 1, 0]);
    const next = apps(host.step(ack(host, 2, 2)));
    expect(next.map((m) => m.entries.map((e) => e.index))).toContainEqual([4]);
  });

  it('has a window in bytes as well', () => {
    const host = replicating({ maxInflightBytes: 30 });
    host.node.propose(proposal('ten bytes.'));
    expect(apps(host.run())).toHaveLength(1);
    host.node.propose(proposal('x'));
    expect(apps(host.run())).toHaveLength(0);
  });

  it('gets messages of a bounded size, with one entry at least, until the window is full', () => {
    const host = replicating({ maxSizePerMsg: 60, maxInflightMsgs: 3 });
    host.node.propose(proposal('a', 'b', 'c', 'd', 'x'.repeat(100), 'e', 'f'));
    const sent = apps(host.run());
    expect(sent.map((m) => m.entries.length)).toEqual([2, 2, 1]);
    expect(apps(host.step(ack(host, 2, 6))).map((m) => m.entries.length)).toContain(2);
  });

  it('with a full window gets one empty MsgApp in each heartbeat round', () => {
    const host = replicating({ maxInflightMsgs: 1 });
    host.node.propose(proposal('a'));
    host.run();
    host.node.propose(proposal('b'));
    expect(apps(host.run())).toEqual([]);
    for (let round = 0; round < 3; round++) {
      expect(apps(host.step(beat(host, 2)))).toMatchObject([{ index: 2, entries: [] }]);
      host.node.propose(proposal('c'));
      expect(apps(host.run())).toEqual([]);
    }
  });

  it('goes back to match on a rejection, and ignores one at or below match', () => {
    const host = replicating();
    host.node.propose(proposal('a'));
    host.run();
    const reject = (index: number) =>
      message(MsgAppResp, 2, 1, term(host), { index, reject: true, rejectHint: index - 1 });
    expect(host.node.step(reject(1))).toBe('stale');
    expect(apps(host.step(reject(2)))).toMatchObject([{ index: 1 }]);
    expect(progressOf(host, 2)).toMatchObject({ match: 1, state: StateProbe });
  });

  it('is told of a new commit index at once', () => {
    const host = replicating({ conf: voters(1, 2, 3) });
    host.node.propose(proposal('a'));
    host.run();
    const sent = apps(host.step(ack(host, 2, 2)));
    expect(sent).toMatchObject([{ index: 2, commit: 2, entries: [] }]);
  });

  it('is probed again after it was unreachable, but not before it answers a heartbeat', () => {
    const host = replicating();
    host.node.propose(proposal('a'));
    host.run();
    host.node.reportUnreachable(2);
    expect(host.run()).toEqual([]);
    expect(progressOf(host, 2)).toMatchObject({ state: StateProbe, next: 2 });
    expect(apps(host.step(beat(host, 2)))).toMatchObject([{ index: 1 }]);
    host.node.reportUnreachable(9);
  });

  it('recovers from probing by a heartbeat even if it holds everything', () => {
    const host = replicating();
    host.node.reportUnreachable(2);
    expect(apps(host.step(beat(host, 2)))).toMatchObject([{ index: 1, entries: [] }]);
    host.step(ack(host, 2, 1));
    expect(progressOf(host, 2)).toMatchObject({ state: StateReplicate });
  });
});

describe('commitment', () => {
  it('keeps INVARIANT(commit-own-term): entries of older terms are not committed by counting (figure 8)', () => {
    const host = leader({ terms: [1, 2] });
    host.step(ack(host, 2, 2), ack(host, 3, 2));
    expect(host.node.status().commit).toBe(0);
    host.step(ack(host, 2, 3));
    expect(host.node.status().commit).toBe(3);
  });

  it('is learned from followers that know more of it than their new leader', () => {
    const host = leader({ terms: [1, 1] });
    host.step(message(MsgAppResp, 2, 1, term(host), { index: 2, commit: 1 }));
    expect(host.node.status().commit).toBe(1);
    // Only as far as the logs are known to be equal.
    host.step(message(MsgAppResp, 3, 1, term(host), { index: 2, commit: 9 }));
    expect(host.node.status().commit).toBe(2);
  });

  it('counts the leader itself only for what is durable at it', () => {
    const host = replicating();
    host.autoAppend = false;
    host.node.propose(proposal('a'));
    host.run();
    host.step(ack(host, 2, 2));
    expect(host.node.status().commit).toBe(1);
    host.completeAll();
    expect(host.node.status().commit).toBe(2);
  });

  it('counts no more of the leader’s log than the completed tickets made durable', () => {
    const host = replicating();
    host.autoAppend = false;
    for (const text of ['a', 'b']) {
      host.node.propose(proposal(text));
      host.run();
    }
    host.step(ack(host, 2, 3));
    host.completeNext();
    expect(host.node.status().commit).toBe(2);
    host.completeNext();
    expect(host.node.status().commit).toBe(3);
  });

  it('ignores acknowledgements of an older term: what they name may be overwritten', () => {
    const host = leader({ terms: [1, 1, 1] });
    host.elect();
    expect(host.node.step(message(MsgAppResp, 2, 1, 1, { index: 3 }))).toBe('stale');
    expect(progressOf(host, 2)).toMatchObject({ match: 0 });
  });

  it('goes on without the leader’s own disk, but nothing is applied before it is durable', () => {
    const host = replicating();
    host.autoAppend = false;
    host.node.propose(proposal('a'));
    host.run();
    host.step(ack(host, 2, 2), ack(host, 3, 2));
    expect(host.node.status().commit).toBe(2);
    expect(host.committed.map((e) => e.index)).toEqual([1]);
    host.completeAll();
    host.run();
    expect(host.committed.map((e) => e.index)).toEqual([1, 2]);
  });

  it('does not count learners', () => {
    const host = leader({ conf: { ...voters(1, 2, 3), learners: [4] } });
    host.step(ack(host, 4, 1));
    expect(host.node.status().commit).toBe(0);
    expect(progressOf(host, 4)).toMatchObject({ match: 1, state: StateReplicate });
  });

  it('needs the leader alone in a group of one', () => {
    const host = leader({ conf: voters(1) });
    expect(host.node.status().commit).toBe(1);
    host.autoAppend = false;
    host.node.propose(proposal('a'));
    host.run();
    expect(host.node.status().commit).toBe(1);
    host.completeAll();
    expect(host.node.status().commit).toBe(2);
  });
});

describe('a follower that needs compacted entries', () => {
  function compacted(snapshot: boolean): Host {
    const host = replicating({ terms: [1, 1, 1, 1], snapshotTimeoutTick: 20 });
    host.step(ack(host, 2, 5));
    if (snapshot) host.storage.setSnapshot(4);
    host.storage.compact(4);
    host.step(beat(host, 3));
    return host;
  }
  const reject = (host: Host) =>
    message(MsgAppResp, 3, 1, term(host), { index: 4, reject: true, rejectHint: 1, logTerm: 1 });

  it('is sent a snapshot, and nothing else until its end is known', () => {
    const host = compacted(true);
    const sent = host.step(reject(host));
    expect(sent).toMatchObject([{ type: MsgSnap, to: 3, snapshot: { index: 4, term: 1 } }]);
    expect(progressOf(host, 3)).toMatchObject({ state: StateSnapshot, paused: true });
    host.node.propose(proposal('a'));
    expect(apps(host.step(beat(host, 3)), 3)).toEqual([]);
  });

  it('replicates when its acknowledgement reaches the log', () => {
    const host = compacted(true);
    host.step(reject(host));
    const sent = apps(host.step(ack(host, 3, 4)), 3);
    expect(sent).toMatchObject([{ index: 4 }]);
    expect(progressOf(host, 3)).toMatchObject({ match: 4, state: StateReplicate });
  });

  it('is probed after the stream ended, once it answers a heartbeat', () => {
    for (const [ok, index] of [
      [true, 4],
      [false, 0],
    ] as const) {
      const host = compacted(true);
      host.step(reject(host));
      host.node.reportSnapshot(3, ok);
      expect(host.run()).toEqual([]);
      const sent = host.step(beat(host, 3));
      if (ok) expect(apps(sent, 3)).toMatchObject([{ index }]);
      else expect(sent).toMatchObject([{ type: MsgSnap, to: 3 }]);
    }
  });

  it('is probed again if the host never reports the end', () => {
    const host = compacted(true);
    host.step(reject(host));
    host.tick(19);
    expect(progressOf(host, 3)).toMatchObject({ state: StateSnapshot });
    host.tick();
    expect(progressOf(host, 3)).toMatchObject({ state: StateProbe });
  });

  it('waits, without work for the host, while there is no snapshot', () => {
    const host = compacted(false);
    expect(host.step(reject(host))).toEqual([]);
    expect(host.node.hasReady()).toBe(false);
    host.storage.setSnapshot(4);
    expect(host.step(beat(host, 3))).toMatchObject([{ type: MsgSnap }]);
  });

  it('does not get one before it was heard', () => {
    const host = new Host(1, { terms: [1, 1, 1], commit: 3, applied: 3 });
    host.storage.compact(3);
    host.storage.setSnapshot(3);
    host.elect();
    const next = message(MsgAppResp, 2, 1, 2, { index: 3, reject: true, rejectHint: 0 });
    expect(host.step(next)).toMatchObject([{ type: MsgSnap, to: 2 }]);
    expect(host.sent.some((m) => m.type === MsgSnap && m.to === 3)).toBe(false);
  });
});

describe('a damaged entry at the leader', () => {
  it('holds the follower back without work for the host', () => {
    const host = replicating({ terms: [1, 1, 1] });
    jest.spyOn(host.storage, 'entries').mockReturnValue('faulty');
    const reject = { index: 3, reject: true, rejectHint: 0 };
    expect(host.step(message(MsgAppResp, 3, 1, term(host), reject))).toEqual([]);
    expect([host.node.hasReady(), progressOf(host, 3)]).toMatchObject([false, { paused: true }]);
  });
});

describe('a leader that steps down', () => {
  it('says which proposals have no outcome yet', () => {
    const host = replicating();
    host.node.propose(proposal('a', 'b', 'c'));
    host.run();
    host.step(ack(host, 2, 2));
    host.step(message(MsgHeartbeat, 3, 1, 4));
    expect(host.drops).toEqual([
      { kind: 'proposals', term: 1, first: 3, last: 4, reason: 'leader-changed' },
    ]);
  });

  it('says nothing of the empty entry that nobody proposed', () => {
    const host = leader();
    host.step(message(MsgHeartbeat, 3, 1, 4));
    expect(host.drops).toEqual([]);
  });

  it('sends nothing that it owed as leader', () => {
    const host = replicating();
    host.node.propose(proposal('a'));
    host.node.step(message(MsgHeartbeat, 3, 1, 4));
    expect(apps(host.run())).toEqual([]);
  });
});
