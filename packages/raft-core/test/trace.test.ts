import { defaultConfig } from '../src/config.js';
import {
  MemoryStorage,
  MessageType,
  parseTraceLine,
  RawNode,
  type TraceEvent,
  traceLine,
} from '../src/index.js';
import { Host, message, proposal, voters } from './harness/host.js';

const { MsgAppResp, MsgHeartbeatResp, MsgVote } = MessageType;

function run(trace: (e: TraceEvent) => void): Host {
  const host = new Host(1, { electionTick: 10, heartbeatTick: 1, trace });
  host.elect();
  host.node.propose(proposal('a', 'b'));
  host.run();
  host.step(message(MsgAppResp, 2, 1, 1, { index: 3 }));
  host.node.readIndex();
  host.tick(2);
  host.step(message(MsgHeartbeatResp, 2, 1, 1, { readToken: 1 }));
  host.step(message(MsgVote, 3, 1, 2, { index: 9, logTerm: 1 }));
  host.tick(30);
  return host;
}

describe('the trace', () => {
  it('names the steps of the protocol as etcd’s model does', () => {
    const events: TraceEvent[] = [];
    run((e) => events.push(structuredClone(e)));
    const names = events.map((e) => e.name).filter((name) => name !== 'Input');
    expect(names[0]).toBe('InitState');
    for (const name of [
      'BecomeCandidate',
      'BecomeLeader',
      'BecomeFollower',
      'Replicate',
      'Commit',
      'Ready',
      'SendAppendEntriesRequest',
      'ReceiveAppendEntriesResponse',
      'SendRequestVoteRequest',
      'ReceiveRequestVoteResponse',
    ] as const) {
      expect(names).toContain(name);
    }
    const leader = events.find((e) => e.name === 'BecomeLeader');
    expect(leader).toMatchObject({
      nid: 1,
      state: { term: 1, vote: 1, commit: 0 },
      role: 3,
      conf: [[1, 2, 3], []],
    });
  });

  it('is enough to do everything again: the same inputs make the same lines', () => {
    const lines: string[] = [];
    run((e) => lines.push(traceLine(e)));
    const storage = new MemoryStorage(voters(1, 2, 3));
    const again: string[] = [];
    const node = new RawNode({
      ...defaultConfig,
      id: 1,
      storage,
      random: () => 0,
      restartSilence: false,
      electionTick: 10,
      heartbeatTick: 1,
      trace: (e) => again.push(traceLine(e)),
    });
    const appends = new Map<number, () => void>();
    for (const line of lines) {
      const { input } = parseTraceLine(line);
      if (input === undefined) continue;
      if (input.call === 'ready') {
        const { append, hardState } = node.ready();
        if (hardState !== null) storage.setHardState(hardState);
        if (append !== null) {
          appends.set(append.ticket, () => storage.append(append.entries, append.commit));
        }
        continue;
      }
      if (input.call === 'appended') appends.get(input.args[0] as number)?.();
      const call = node[input.call as keyof RawNode] as (...args: unknown[]) => unknown;
      call.apply(node, [...input.args]);
    }
    expect(lines.length).toBeGreaterThan(50);
    expect(again).toEqual(lines);
  });

  it('costs nothing and says nothing unless it is asked for', () => {
    expect(defaultConfig.trace).toBeNull();
    expect(() => parseTraceLine('{}')).toThrow(SyntaxError);
  });
});
