import { Host, message, proposal } from '../../test/harness/host.js';
import { MessageType, StateType } from '../index.js';

const { MsgAppResp, MsgHeartbeat, MsgHeartbeatResp, MsgTimeoutNow } = MessageType;
const options = { electionTick: 10, heartbeatTick: 2, appendTimeoutTick: 30 };

describe('a disk that hangs', () => {
  function hanging(): Host {
    const host = new Host(1, options);
    host.elect();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 1 }));
    host.autoAppend = false;
    host.node.propose(proposal('x'));
    host.run();
    host.step(message(MsgAppResp, 2, 1, 1, { index: 2 }));
    return host;
  }
  const tick = (host: Host, count: number): void => {
    for (let i = 0; i < count; i++) {
      host.tick();
      host.step(message(MsgHeartbeatResp, 2, 1, 1), message(MsgHeartbeatResp, 3, 1, 1));
    }
  };

  it('does not hold up heartbeats, but its leader hands over and steps down', () => {
    const host = hanging();
    tick(host, 29);
    expect(host.node.status()).toMatchObject({ role: StateType.StateLeader, steppingDown: null });
    expect(host.sent.filter((m) => m.type === MsgHeartbeat).length).toBeGreaterThan(20);
    tick(host, 1);
    expect(host.node.status().steppingDown).toBe('append-timeout');
    expect(host.sent.filter((m) => m.type === MsgTimeoutNow)).toMatchObject([{ to: 2 }]);
    tick(host, 10);
    expect(host.node.status().role).toBe(StateType.StateFollower);
  });

  it('keeps its replica from campaigning until it works again', () => {
    const host = hanging();
    tick(host, 45);
    host.tick(60);
    expect(host.node.status()).toMatchObject({ term: 1, role: StateType.StateFollower });
    host.completeAll();
    host.run();
    host.tick(1);
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
  });

  it('is no reason to step down for an only voter: nobody could do better', () => {
    const host = new Host(1, {
      ...options,
      conf: { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    });
    host.elect();
    host.autoAppend = false;
    host.node.propose(proposal('x'));
    host.run();
    host.tick(100);
    expect(host.node.status()).toMatchObject({ role: StateType.StateLeader, steppingDown: null });
  });
});

describe('a host that was stalled', () => {
  it('lets one tick pass before silence counts: what the leader sent is still to be read', () => {
    const host = new Host(2, { electionTick: 10, heartbeatTick: 2, tickMs: 10 });
    host.step(message(MsgHeartbeat, 1, 2, 1));
    let nowMs = 1000;
    for (let i = 0; i < 9; i++, nowMs += 10) host.node.tick(nowMs);
    host.node.tick(nowMs + 500);
    expect(host.node.status().role).toBe(StateType.StateFollower);
    host.node.tick(nowMs + 510);
    expect(host.node.status().role).toBe(StateType.StatePreCandidate);
  });
});
