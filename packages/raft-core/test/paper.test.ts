/**
 * Sentences of the Raft paper (Ongaro, Ousterhout: In Search of an Understandable Consensus Algorithm,
 * extended version), most of them of figure 2, each as a test.
 */
import { MessageType, StateType } from '../src/index.js';
import { entry, Host, log, message, proposal, voters } from './harness/host.js';

const { MsgApp, MsgAppResp, MsgVote, MsgVoteResp, MsgHeartbeat, MsgHeartbeatResp } = MessageType;
const { StateFollower, StateCandidate, StateLeader } = StateType;

/** The paper's algorithm: no pre-vote, no check-quorum. */
const plain = { preVote: false, checkQuorum: false, electionTick: 10, heartbeatTick: 1 };

const candidate = (size = 3): Host => {
  const host = new Host(1, { ...plain, conf: voters(...ids(size)) });
  host.node.campaign();
  host.run();
  return host;
};
const ids = (size: number): number[] => Array.from({ length: size }, (_, i) => i + 1);

describe('Raft paper, figure 2: state', () => {
  it('currentTerm and votedFor are updated on stable storage before responding to RPCs', () => {
    const host = new Host(2, plain);
    host.node.step(message(MsgVote, 1, 2, 4));
    const ready = host.node.ready();
    expect(ready.hardState).toEqual({ term: 4, vote: 1 });
    expect(ready.messages).toEqual([]);
    host.node.appended(ready.append?.ticket ?? 0);
    expect(host.node.ready().messages).toMatchObject([{ type: MsgVoteResp, term: 4 }]);
  });

  it('log[] is updated on stable storage before responding to RPCs', () => {
    const host = new Host(2, plain);
    host.node.step(message(MsgApp, 1, 2, 4, { entries: log([4]) }));
    const ready = host.node.ready();
    expect([ready.append?.entries, ready.messages]).toEqual([log([4]), []]);
    host.node.appended(ready.append?.ticket ?? 0);
    expect(host.node.ready().messages).toMatchObject([{ type: MsgAppResp, index: 1 }]);
  });

  it('nextIndex[] is initialised to leader last log index + 1, matchIndex[] to 0', () => {
    const host = new Host(1, { ...plain, terms: [1, 1] });
    host.elect();
    const seen: unknown[] = [];
    host.node.progress((id, p) => seen.push([id, p.match, p.next]));
    expect(seen.slice(1)).toEqual([
      [2, 0, 3],
      [3, 0, 3],
    ]);
  });
});

describe('Raft paper, figure 2: AppendEntries RPC', () => {
  const app = (index: number, logTerm: number, terms: readonly number[], commit = 0, term = 3) =>
    message(MsgApp, 1, 2, term, { index, logTerm, commit, entries: log(terms, index + 1) });

  it('1. reply false if term < currentTerm', () => {
    const host = new Host(2, { ...plain, preVote: true, hardState: { term: 4, vote: 0 } });
    expect(host.step(app(0, 0, [3]))).toMatchObject([{ type: MsgAppResp, term: 4, index: 0 }]);
    expect(host.node.status()).toMatchObject({ lastIndex: 0, leader: 0 });
  });

  it('2. reply false if log doesn’t contain an entry at prevLogIndex whose term matches prevLogTerm', () => {
    const cases: [number, number, boolean][] = [
      [0, 0, false],
      [1, 1, false],
      [2, 2, false],
      [1, 2, true],
      [2, 3, true],
      [3, 3, true],
    ];
    for (const [index, term, reject] of cases) {
      const host = new Host(2, { ...plain, terms: [1, 2] });
      expect(host.step(app(index, term, []))).toMatchObject([{ type: MsgAppResp, index, reject }]);
    }
  });

  it('3. if an existing entry conflicts with a new one, delete it and all that follow it; 4. append any new entries', () => {
    const cases: [number, number, number[], number[]][] = [
      [2, 2, [3], [1, 2, 3]],
      [1, 1, [3, 4], [1, 3, 4]],
      [0, 0, [1], [1, 2]],
      [0, 0, [3], [3]],
    ];
    for (const [index, term, terms, expected] of cases) {
      const host = new Host(2, { ...plain, terms: [1, 2] });
      host.step(app(index, term, terms, 0, 4));
      expect(host.logTerms()).toEqual(expected);
    }
  });

  it('5. if leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)', () => {
    const cases: [number[], number, number][] = [
      [[3], 1, 1],
      [[3, 3], 1, 1],
      [[3, 3], 2, 2],
      [[3], 2, 1],
      [[], 1, 0],
    ];
    for (const [terms, leaderCommit, commit] of cases) {
      const host = new Host(2, { ...plain, terms: [3, 3, 3], hardState: { term: 3, vote: 0 } });
      host.step(app(0, 0, terms, leaderCommit));
      expect(host.node.status().commit).toBe(commit);
    }
  });
});

describe('Raft paper, figure 2: RequestVote RPC', () => {
  const ask = (from: number, term: number, index = 0, logTerm = 0) =>
    message(MsgVote, from, 1, term, { index, logTerm });

  it('1. reply false if term < currentTerm', () => {
    const host = new Host(1, { ...plain, hardState: { term: 5, vote: 0 } });
    expect(host.node.step(ask(2, 4))).toBe('stale');
    expect(host.node.status()).toMatchObject({ term: 5, vote: 0 });
  });

  it('2. if votedFor is null or candidateId, and candidate’s log is up to date, grant vote', () => {
    const cases: [number, number, boolean][] = [
      [0, 2, false],
      [0, 3, true],
      [2, 2, false],
      [3, 2, true],
    ];
    for (const [vote, from, reject] of cases) {
      const host = new Host(1, { ...plain, hardState: { term: 1, vote } });
      expect(host.step(ask(from, 1))).toMatchObject([
        { type: MsgVoteResp, to: from, reject: vote === 0 ? false : reject },
      ]);
    }
  });

  it('a server votes for at most one candidate in a term, also across a restart', () => {
    const host = new Host(1, plain);
    expect(host.step(ask(2, 1))).toMatchObject([{ reject: false }]);
    expect(host.step(ask(3, 1))).toMatchObject([{ reject: true }]);
    const { term, vote } = host.storage.initialState().hardState;
    const again = new Host(1, { ...plain, hardState: { term, vote } });
    expect(again.step(ask(3, 1))).toMatchObject([{ reject: true }]);
    expect(again.step(ask(2, 1))).toMatchObject([{ reject: false }]);
  });

  it('5.4.1: the voter denies its vote if its own log is more up to date', () => {
    const cases: [number[], number, number, boolean][] = [
      [[1], 1, 1, false],
      [[1], 2, 1, false],
      [[1, 1], 1, 1, true],
      [[1], 1, 2, false],
      [[1, 1], 1, 2, false],
      [[2], 1, 1, true],
      [[2], 2, 1, true],
      [[1, 2], 1, 2, true],
    ];
    for (const [terms, index, logTerm, reject] of cases) {
      const host = new Host(1, { ...plain, terms });
      expect(host.step(ask(2, 3, index, logTerm))).toMatchObject([{ type: MsgVoteResp, reject }]);
    }
  });
});

describe('Raft paper, figure 2: rules for all servers', () => {
  it('if RPC contains term T > currentTerm: set currentTerm = T, convert to follower', () => {
    for (const prepare of [(h: Host) => h.elect(), (h: Host) => h.node.campaign(), () => {}]) {
      const host = new Host(1, plain);
      prepare(host);
      host.run();
      host.step(message(MsgApp, 2, 1, 7));
      expect(host.node.status()).toMatchObject({ term: 7, role: StateFollower, leader: 2 });
    }
  });

  it('if commitIndex > lastApplied: apply in order', () => {
    const host = new Host(2, { ...plain, terms: [1, 1, 1] });
    host.step(message(MsgHeartbeat, 1, 2, 1, { commit: 2 }));
    host.step(message(MsgHeartbeat, 1, 2, 1, { commit: 3 }));
    expect(host.committed.map((e) => e.index)).toEqual([1, 2, 3]);
  });
});

describe('Raft paper, figure 2: followers and candidates', () => {
  it('servers start up as followers', () => {
    expect(new Host(1, plain).node.status().role).toBe(StateFollower);
  });

  it('if election timeout elapses without an AppendEntries or a vote granted: convert to candidate', () => {
    const host = new Host(1, plain);
    host.tick(9);
    host.step(message(MsgApp, 2, 1, 1));
    host.tick(9);
    host.step(message(MsgVote, 3, 1, 2));
    host.tick(9);
    expect(host.node.status().role).toBe(StateFollower);
    host.tick(1);
    expect(host.node.status()).toMatchObject({ term: 3, role: StateCandidate });
  });

  it('on conversion to candidate: increment currentTerm, vote for self, reset timer, send RequestVote to all', () => {
    const host = new Host(1, { ...plain, terms: [1, 2] });
    host.node.campaign();
    expect(host.run()).toMatchObject([
      { type: MsgVote, to: 2, term: 3, index: 2, logTerm: 2 },
      { type: MsgVote, to: 3, term: 3, index: 2, logTerm: 2 },
    ]);
    expect(host.node.status()).toMatchObject({ term: 3, vote: 1 });
    expect(host.tick(9)).toEqual([]);
  });

  it('if votes received from majority of servers: become leader; a minority is not enough', () => {
    const cases: [number, number, number, StateType][] = [
      [1, 0, 0, StateLeader],
      [3, 1, 0, StateLeader],
      [3, 0, 1, StateCandidate],
      [3, 0, 2, StateFollower],
      [5, 2, 0, StateLeader],
      [5, 1, 2, StateCandidate],
      [5, 0, 3, StateFollower],
      [7, 3, 3, StateLeader],
      [7, 2, 3, StateCandidate],
    ];
    for (const [size, granted, refused, role] of cases) {
      const host = candidate(size);
      for (let i = 0; i < refused; i++) {
        host.step(message(MsgVoteResp, 2 + i, 1, 1, { reject: true }));
      }
      for (let i = 0; i < granted; i++) host.step(message(MsgVoteResp, 2 + refused + i, 1, 1));
      expect([size, granted, refused, host.node.status().role]).toEqual([
        size,
        granted,
        refused,
        role,
      ]);
    }
  });

  it('if AppendEntries received from new leader: convert to follower', () => {
    const host = candidate();
    host.step(message(MsgApp, 2, 1, 1));
    expect(host.node.status()).toMatchObject({ term: 1, role: StateFollower, leader: 2 });
  });

  it('if election timeout elapses: start new election', () => {
    const host = candidate();
    host.tick(10);
    expect(host.node.status()).toMatchObject({ term: 2, role: StateCandidate });
  });

  it('5.2: election timeouts are chosen randomly from a fixed interval', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const host = new Host(1, { ...plain, random: () => i / 100 });
      let ticks = 0;
      while (host.node.status().role === StateFollower) {
        host.tick();
        ticks++;
      }
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });
});

describe('Raft paper, figure 2: leaders', () => {
  const leader = (): Host => {
    const host = new Host(1, plain);
    host.elect();
    return host;
  };
  const ack = (from: number, index: number) => message(MsgAppResp, from, 1, 1, { index });

  it('upon election: send AppendEntries to each server; repeat during idle periods', () => {
    const host = new Host(1, plain);
    expect(host.elect().filter((m) => m.type === MsgApp)).toHaveLength(2);
    expect(host.tick().map((m) => m.type)).toEqual([MsgHeartbeat, MsgHeartbeat]);
  });

  it('if command received from client: append entry to local log', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    expect(host.logTerms()).toEqual([1, 1]);
  });

  it('if last log index >= nextIndex for a follower: send entries starting at nextIndex', () => {
    const host = leader();
    host.step(ack(2, 1));
    host.node.propose(proposal('x', 'y'));
    const [sent] = host.run().filter((m) => m.to === 2);
    expect(sent).toMatchObject({ type: MsgApp, index: 1, logTerm: 1 });
    expect(sent?.entries.map((e) => e.index)).toEqual([2, 3]);
  });

  it('if successful: update nextIndex and matchIndex for follower', () => {
    const host = leader();
    host.step(ack(2, 1));
    host.node.progress((id, p) => {
      if (id === 2) expect([p.match, p.next]).toEqual([1, 2]);
    });
  });

  it('if AppendEntries fails because of log inconsistency: decrement nextIndex and retry', () => {
    const host = new Host(1, { ...plain, terms: [1, 1, 1] });
    host.elect();
    const reject = { index: 3, reject: true, rejectHint: 2, logTerm: 1 };
    const [retry] = host.step(message(MsgAppResp, 2, 1, 2, reject));
    expect(retry).toMatchObject({ type: MsgApp, index: 2, logTerm: 1 });
  });

  it('if a majority of matchIndex >= N and log[N].term == currentTerm: set commitIndex = N', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    host.step(ack(3, 2));
    expect(host.node.status().commit).toBe(2);
    expect(host.committed.map((e) => e.index)).toEqual([1, 2]);
  });

  it('5.3: a leader never overwrites or deletes entries in its log', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    host.step(message(MsgApp, 2, 1, 1, { index: 0, entries: [entry(1, 1, 'other')] }));
    expect(host.logTerms()).toEqual([1, 1]);
    expect(host.node.status().role).toBe(StateLeader);
  });

  it('5.4.2: only entries from the leader’s current term are committed by counting replicas', () => {
    const host = new Host(1, { ...plain, terms: [1, 2], conf: voters(1, 2, 3, 4, 5) });
    host.elect();
    for (const from of [2, 3, 4]) {
      host.step(message(MsgAppResp, from, 1, 3, { index: 2 }));
    }
    expect(host.node.status().commit).toBe(0);
    host.step(
      message(MsgAppResp, 2, 1, 3, { index: 3 }),
      message(MsgAppResp, 3, 1, 3, { index: 3 }),
    );
    expect(host.node.status().commit).toBe(3);
  });

  it('8: read-only: exchange heartbeats with a majority before responding', () => {
    const host = leader();
    host.step(ack(2, 1));
    const ticket = host.node.readIndex();
    const [beat] = host.run();
    expect(host.reads).toEqual([]);
    host.step(message(MsgHeartbeatResp, 2, 1, 1, { readToken: beat?.readToken ?? 0 }));
    expect(host.reads).toEqual([{ ticket, index: 1 }]);
  });
});
