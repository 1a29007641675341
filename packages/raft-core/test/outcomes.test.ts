/** Every status, reason and outcome that hosts see, each brought about once. */
import { DropReason, LEAVE_JOINT, type Message, MessageType, StepStatus } from '../src/index.js';
import { changeOf, entry, Host, log, message, proposal, voters } from './harness/host.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgSnap } = MessageType;
const options = { electionTick: 10, heartbeatTick: 2 };

/** Leader 1 of term 1 whose first entry is committed. */
function leader(more = {}): Host {
  const host = new Host(1, { ...options, ...more });
  host.elect();
  ackAll(host);
  return host;
}

function ackAll(host: Host): void {
  const { lastIndex: index, term } = host.node.status();
  for (const id of [2, 3]) host.step(message(MsgAppResp, id, 1, term, { index }));
}

const dropped = (proposed: object): unknown => ('dropped' in proposed ? proposed.dropped : 'taken');
const proposes = (host: Host): unknown => dropped(host.node.propose(proposal('x')));
const changes = (host: Host, change: string): unknown =>
  dropped(host.node.proposeConfChange(changeOf(change)));
const lastDrop = (host: Host): unknown => host.drops.at(-1)?.reason;

const reasons: Record<DropReason, () => unknown> = {
  [DropReason.NoLeader]: () => proposes(new Host(1, options)),
  [DropReason.NotLeader]: () => {
    const host = new Host(1, options);
    host.step(message(MsgHeartbeat, 2, 1, 1));
    return proposes(host);
  },
  [DropReason.Transferring]: () => {
    const host = leader();
    host.node.transferLeader(2);
    return proposes(host);
  },
  [DropReason.UncommittedLimit]: () => {
    const host = leader({ maxUncommittedBytes: 1 });
    expect(proposes(host)).toBe('taken');
    return proposes(host);
  },
  [DropReason.ConfChangePending]: () => {
    const host = leader();
    expect(changes(host, 'v4')).toBe('taken');
    return changes(host, 'v5');
  },
  [DropReason.JointConf]: () =>
    changes(leader({ conf: { ...voters(1, 2, 3), votersOutgoing: [1, 2] } }), 'v4'),
  [DropReason.NotJointConf]: () => dropped(leader().node.proposeConfChange(LEAVE_JOINT)),
  [DropReason.InvalidConfChange]: () => changes(leader(), 'r1 r2 r3'),
  [DropReason.RetiredId]: () => {
    const host = leader();
    expect(changes(host, 'r3')).toBe('taken');
    host.run();
    ackAll(host);
    return changes(host, 'v3');
  },
  [DropReason.LeaderChanged]: () => {
    const host = leader();
    expect(proposes(host)).toBe('taken');
    host.step(message(MsgHeartbeat, 3, 1, 4));
    return lastDrop(host);
  },
  [DropReason.ReadTimeout]: () => {
    const host = new Host(1, { ...options, random: () => 0.9 });
    host.step(message(MsgHeartbeat, 2, 1, 1));
    host.node.readIndex();
    host.tick(10);
    return lastDrop(host);
  },
  [DropReason.ReadLimit]: () => {
    const host = leader({ maxPendingReads: 1 });
    expect(host.node.readIndex()).toBe(1);
    return host.node.readIndex();
  },
  [DropReason.NotVoter]: () => {
    const host = leader({ stepDownOnRemoval: false });
    expect(changes(host, 'r1')).toBe('taken');
    host.run();
    ackAll(host);
    return proposes(host);
  },
  [DropReason.Snapshot]: () => {
    const host = leader();
    host.autoAppend = false;
    host.node.propose(proposal('x'));
    host.run();
    ackAll(host);
    const snapshot = { index: 5, term: 2, confState: voters(1, 2, 3) };
    host.step(message(MsgSnap, 2, 1, 2, { snapshot }));
    return lastDrop(host);
  },
  [DropReason.SteppingDown]: () => {
    const host = leader();
    host.node.requestSnapshot();
    return proposes(host);
  },
};

describe('a reason', () => {
  it.each(Object.values(DropReason))('%s', (reason) => {
    expect(reasons[reason]()).toBe(reason);
  });
});

const heartbeat = (from: number, term: number, commit = 0): Message =>
  message(MsgHeartbeat, from, 1, term, { commit });

const statuses: Record<StepStatus, Message> = {
  [StepStatus.Ok]: heartbeat(2, 3),
  [StepStatus.Stale]: heartbeat(2, 1),
  [StepStatus.Invalid]: heartbeat(2, Number.NaN),
  [StepStatus.UnknownPeer]: message(MsgHeartbeatResp, 9, 1, 3),
  [StepStatus.LostLog]: heartbeat(2, 3, 7),
};

describe('a status of step()', () => {
  it.each(Object.values(StepStatus))('%s', (status) => {
    const host = new Host(1, { ...options, terms: [1], hardState: { term: 2, vote: 0 } });
    expect(host.node.step(statuses[status])).toBe(status);
  });
});

describe('an accepted proposal', () => {
  const committedAt = (host: Host, index: number) =>
    host.committed.filter((e) => e.index === index).map((e) => e.term);

  it('is committed: its index and term are handed out, once', () => {
    const host = leader();
    expect(host.node.propose(proposal('x'))).toEqual({ term: 1, first: 2, last: 2 });
    host.run();
    ackAll(host);
    ackAll(host);
    expect([committedAt(host, 2), host.drops]).toEqual([[1], []]);
  });

  it('is superseded: another term is handed out at its index, after a drop that says unknown', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    const entries = [entry(2, 2)];
    host.step(message(MsgApp, 3, 1, 2, { index: 1, logTerm: 1, entries, commit: 2 }));
    expect(host.drops).toEqual([
      { kind: 'proposals', term: 1, first: 2, last: 2, reason: DropReason.LeaderChanged },
    ]);
    expect(committedAt(host, 2)).toEqual([2]);
  });

  it('is unknown at first and committed all the same: the next leader has it', () => {
    const host = leader();
    host.node.propose(proposal('x'));
    host.run();
    host.step(message(MsgApp, 3, 1, 2, { index: 2, logTerm: 1, entries: log([2], 3), commit: 3 }));
    expect(host.drops).toMatchObject([{ first: 2, last: 2 }]);
    expect(committedAt(host, 2)).toEqual([1]);
  });
});
