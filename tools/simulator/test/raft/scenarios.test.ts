import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  MessageType,
  makeMessage,
} from '@dougdb/raft-core';
import { ScriptedGroup } from '../../src/raft/scripted-group.js';
import type { GroupOptions } from '../../src/raft/world.js';
import { coreWith } from './planted-core.js';

const { MsgApp, MsgAppResp, MsgSnap, MsgTimeoutNow, MsgVoteResp, MsgEntryReq, MsgEntryResp } =
  MessageType;

/**
 * A bug of the core in a world that looks only at what comes of it: each breaks a rule as well, and that would
 * be seen first.
 */
const withBug = (name: string): GroupOptions => ({ core: coreWith(name), rules: 'ignored' });

const lease = { lease: { electionTimeoutMs: 100, tickMs: 10 } };

function addVoter(group: ScriptedGroup, leader: number, id: number): void {
  const changes = [{ type: ConfChangeType.AddNode, id }];
  const { requests } = group.process(leader);
  expect(requests.proposeChange({ changes, transition: ConfChangeTransition.Auto })).toBe(true);
  group.exchange();
  group.tick(3, leader);
}

const commitOf = (group: ScriptedGroup, id: number): number =>
  group.process(id).node?.commitIndex ?? -1;

describe('S2: two leaders in one term', () => {
  /** 2 knows that 4 and 5 are voters only by what its log says was committed; 3 does not know it. */
  function run(forgets: boolean): ScriptedGroup {
    const group = new ScriptedGroup(3, {});
    group.campaign(1);
    group.connect(1, 2, 4, 5);
    for (const id of [4, 5]) {
      group.newcomer();
      addVoter(group, 1, id);
    }
    expect(group.process(2).conf.voters).toEqual([1, 2, 3, 4, 5]);
    group.crash(2);
    group.connect(1, 4, 5);
    group.process(1).ask((node) => node.transferLeader(4));
    group.exchange();
    expect(group.process(4)).toMatchObject({ isLeader: true, term: 3 });
    group.connect(2, 3);
    group.start(2, forgets);
    group.tick(40, 2, 3);
    return group;
  }

  it('are elected when the commit hint is ignored, and that is seen', () => {
    expect(() => run(true)).toThrow(/election-safety: 2, 4 in 3/);
  });

  it('are not when it is heeded', () => {
    const group = run(false);
    // The frame of the second change carries the proof that the first one was committed.
    expect(group.process(2).conf.voters).toEqual([1, 2, 3, 4]);
    expect(group.processes.filter((process) => process.isLeader).map((p) => p.id)).toEqual([4]);
  });
});

describe('a snapshot that comes a second time, late', () => {
  /** 2 has installed it, has applied more and has compacted its log since. */
  function run(world: GroupOptions = {}): ScriptedGroup {
    const group = new ScriptedGroup(3, {}, world);
    group.campaign(1);
    group.connect(1, 3);
    group.process(1).requests.propose(5, 4);
    group.exchange();
    group.tick(2, 1);
    group.process(1).compact(0.999);
    const snapshots: Message[] = [];
    group.passes = (m) => {
      if (m.type === MsgSnap) snapshots.push({ ...m });
      return true;
    };
    group.tick(10, 1, 2);
    group.process(1).requests.propose(5, 4);
    group.exchange();
    group.tick(10, 1, 2);
    expect(group.process(2).applied).toBe(12);
    group.process(2).compact(0.999);
    // A new life does not know the terms of what is compacted.
    group.crash(2);
    group.start(2);
    expect(snapshots.length).toBeGreaterThan(0);
    for (const m of snapshots) group.deliver(m);
    group.exchange();
    return group;
  }

  it('takes nothing back', () => {
    expect(run().process(2)).toMatchObject({ applied: 12, commit: 12 });
  });

  it('would, and that is seen', () => {
    expect(() => run(withBug('apply an old snapshot'))).toThrow(/snapshot-ahead/);
  });
});

describe('a transfer to one that is removed meanwhile', () => {
  /** 4 is to go, and is called to lead before that is decided. */
  function run(world: GroupOptions = {}): ScriptedGroup {
    const group = new ScriptedGroup(4, {}, world);
    group.campaign(1);
    group.tick(2, 1);
    group.passes = () => false;
    const { requests } = group.process(1);
    const changes = [{ type: ConfChangeType.RemoveNode, id: 4 }];
    const { Auto: transition } = ConfChangeTransition;
    expect(requests.proposeChange({ changes, transition })).toBe(true);
    expect(group.process(1).ask((node) => node.transferLeader(4))).toBe(true);
    group.connect(1, 2, 3);
    group.tick(3, 1);
    return group;
  }

  it('ends with the change: the leader takes proposals again', () => {
    const group = run();
    expect(group.process(1).conf.voters).toEqual([1, 2, 3]);
    expect(group.process(1).node?.status()).toMatchObject({ leadTransferee: 0 });
    const { last } = group.process(1).disk.log;
    group.process(1).requests.propose(1, 4);
    group.exchange();
    expect(commitOf(group, 1)).toBe(last + 1);
  });

  it('would hold up proposals, and that is seen', () => {
    const core = coreWith('keep a transfer to one that was removed');
    expect(() => run({ core })).toThrow(/transfer-to-voter/);
  });
});

describe('S10: a lease read', () => {
  /** 1 leads and has a lease by the word of 2; 3 has not heard of a leader for long. */
  function led(world: GroupOptions = {}, config: object = {}): ScriptedGroup {
    const group = new ScriptedGroup(3, { ...lease, ...config }, world);
    group.campaign(1);
    group.connect(1, 2);
    group.tick(30, 1, 2);
    expect(leaseOf(group)).not.toBeNull();
    return group;
  }
  const leaseOf = (group: ScriptedGroup): number | null =>
    group.process(1).node?.leaseReadIndex(group.process(1).nowMs) ?? null;

  function afterRestart(world: GroupOptions = {}): ScriptedGroup {
    const group = led(world);
    group.connect(2, 3);
    group.tick(20, 3);
    group.connect(1, 2);
    group.tick(1, 1, 2);
    group.connect(2, 3);
    group.crash(2);
    group.start(2);
    group.campaign(3);
    group.process(3).requests.propose(1, 4);
    group.exchange();
    group.process(1).requests.leaseRead();
    return group;
  }

  it("after a follower's restart is fresh, for its promise is kept by silence", () => {
    const group = afterRestart();
    expect(leaseOf(group)).not.toBeNull();
    expect(group.process(3).isLeader).toBe(false);
    expect(group.coverage.counts['lease-read']).toBe(1);
  });

  it('would be stale without that silence, and that is seen', () => {
    expect(() => afterRestart(withBug('no silence after a restart'))).toThrow(/lease-read-fresh/);
  });

  function afterTimeoutNow(world: GroupOptions = {}): ScriptedGroup {
    const group = led(world);
    group.passes = (m) => m.type !== MsgTimeoutNow;
    group.tick(12, 1, 2, 3);
    group.process(1).ask((node) => node.transferLeader(2));
    group.tick(12, 1, 2, 3);
    expect(group.process(1)).toMatchObject({ isLeader: true });
    group.connect(2, 3);
    expect(group.release((m) => m.type === MsgTimeoutNow)).toBeGreaterThan(0);
    group.exchange();
    expect(group.process(2).isLeader).toBe(true);
    group.process(2).requests.propose(1, 4);
    group.exchange();
    group.process(1).requests.leaseRead();
    return group;
  }

  it('is not answered after a TimeoutNow that was delayed and given up', () => {
    expect(leaseOf(afterTimeoutNow())).toBeNull();
  });

  it('would be stale if the lease outlived TimeoutNow, and that is seen', () => {
    expect(() => afterTimeoutNow(withBug('a lease outlives TimeoutNow'))).toThrow(
      /lease-read-fresh/,
    );
  });

  /** 3 has been a candidate for long; an old answer of it makes 2 adopt its term. */
  function afterHigherTerm(world: GroupOptions = {}): ScriptedGroup {
    const group = led(world, { preVote: false });
    group.connect(3);
    group.tick(100, 3);
    group.connect(1, 2);
    group.tick(1, 1, 2);
    const late = makeMessage(MsgVoteResp, 2, group.process(3).term);
    group.connect(2, 3);
    group.deliver(Object.assign(late, { from: 3, reject: true }));
    expect(group.process(2).term).toBe(late.term);
    group.campaign(3);
    if (group.process(3).isLeader) group.process(3).requests.propose(1, 4);
    group.exchange();
    group.process(1).requests.leaseRead();
    return group;
  }

  it('after a late message of a higher term is fresh: the promise outlives the term', () => {
    const group = afterHigherTerm();
    expect(leaseOf(group)).not.toBeNull();
    expect(group.process(3).isLeader).toBe(false);
  });

  it('would be stale if the promise ended with the term, and that is seen', () => {
    const world = withBug('a promise to a leader ends with its term');
    expect(() => afterHigherTerm(world)).toThrow(/lease-read-fresh/);
  });
});

describe('S11: a damaged log', () => {
  const repair = { repair: true };

  it('whose unreadable end was not committed: its replica leads no more, and the group goes on', () => {
    const group = new ScriptedGroup(3, repair);
    group.campaign(1);
    group.connect(1);
    group.process(1).requests.propose(3, 4);
    group.exchange();
    const { last } = group.process(1).disk.log;
    expect([last, commitOf(group, 1)]).toEqual([5, 2]);
    group.crash(1);
    group.process(1).disk.storage.damage(last);
    group.start(1);
    group.connect(1, 2, 3);
    group.held = [];
    // Found when it is read: to be sent to the others.
    group.tick(60, 1, 2, 3);
    group.campaign(1);
    group.tick(60, 1, 2, 3);
    const leader = group.processes.find((process) => process.isLeader);
    leader?.requests.propose(1, 4);
    group.exchange();
    group.tick(30, 1, 2, 3);
    expect(new Set(group.processes.map((process) => process.applied)).size).toBe(1);
    expect(group.process(1).disk.storage.damagedCount).toBe(0);
    expect(commitOf(group, 2)).toBeGreaterThan(2);
  });

  it('at a leader: it hands over', () => {
    const group = new ScriptedGroup(3, repair);
    group.campaign(1);
    group.connect(1, 2);
    group.process(1).requests.propose(3, 4);
    group.exchange();
    group.process(1).disk.storage.damage(3);
    group.connect(1, 2, 3);
    group.tick(40, 1, 2, 3);
    expect(group.coverage.counts['leader-hands-over-damaged']).toBeGreaterThan(0);
    const leader = group.processes.find((process) => process.isLeader);
    expect(leader?.id).not.toBe(1);
    expect(group.process(1).disk.storage.damagedCount).toBe(0);
    expect(group.process(3).applied).toBe(commitOf(group, leader?.id ?? 1));
  });

  /** X is on the disks of 5, who made it, and of 4, who acknowledged it and cannot read it any more. */
  function withDamaged(world: GroupOptions = {}): ScriptedGroup {
    const group = new ScriptedGroup(5, repair, world);
    group.campaign(5);
    group.tick(2, 5);
    group.connect(4, 5);
    group.process(5).requests.propose(1, 4);
    group.exchange();
    expect(group.process(5).disk.log.last).toBe(3);
    group.crash(4);
    group.process(4).disk.storage.damage(3);
    group.passes = () => false;
    group.start(4);
    return group;
  }
  const isAbout =
    (type: number, ...ids: number[]) =>
    (m: Message): boolean =>
      m.type === type && ids.includes(m.from) && ids.includes(m.to);

  /**
   * 1, 2 and 3 deny; before 4 hears it, an append of the time before reaches 1: with its acknowledgement 5
   * would have X from a quorum.
   */
  function lateAppend(world: GroupOptions = {}): ScriptedGroup {
    const group = withDamaged(world);
    const appends = group.held.filter((m) => m.type === MsgApp && m.entries.length > 0);
    group.held = [];
    group.tick(25, 1, 2, 3, 4);
    expect(group.release(isAbout(MsgEntryReq, 1, 2, 3, 4))).toBeGreaterThan(0);
    group.exchange();
    const denials = group.held.filter(isAbout(MsgEntryResp, 1, 2, 3, 4));
    expect(new Set(denials.map((m) => m.from))).toEqual(new Set([1, 2, 3]));
    group.connect(1, 5);
    for (const m of appends.filter((each) => each.to === 1)) group.deliver(m);
    group.exchange();
    for (const m of denials) group.deliver(m);
    group.exchange();
    expect(group.process(4).disk.log.last).toBe(2);
    return group;
  }

  it('is shortened by denials of those who can never get the entry', () => {
    expect(commitOf(lateAppend(), 5)).toBe(2);
  });

  it('would lose a committed entry by words of a term in which that can still come, and that is seen', () => {
    const world = withBug('a replica denies without adopting the term');
    expect(() => lateAppend(world)).toThrow(/committed-kept: the disk of 4 loses 2\/3/);
  });

  /** 1 and 2 deny in one term; then they get the entry after all, from a later one; then 3 denies. */
  function denialsOfDifferentTimes(world: GroupOptions = {}): ScriptedGroup {
    const group = withDamaged(world);
    group.tick(25, 1, 2, 4, 5);
    group.release(isAbout(MsgEntryReq, 1, 2, 4));
    group.exchange();
    group.release(isAbout(MsgEntryResp, 1, 4));
    const denial = group.held.filter(isAbout(MsgEntryResp, 2, 4)).slice(-1);
    expect(denial).toMatchObject([{ reject: true, denyTerm: 3 }]);
    const late = group.held.filter(isAbout(MsgEntryReq, 3, 4)).slice(-1);
    group.held = [];
    group.connect(1, 2, 5);
    for (let i = 0; i < 20 && !group.process(5).isLeader; i++) {
      group.tick(5, 5);
      group.campaign(5);
    }
    group.exchange();
    expect([group.process(5).isLeader, commitOf(group, 5)]).toEqual([true, 4]);
    group.connect(3, 4);
    group.tick(25, 3);
    group.deliver(Object.assign(makeMessage(MsgVoteResp, 3, 9), { from: 1, reject: true }));
    expect(group.process(3).term).toBe(9);
    expect(late.length).toBe(1);
    for (const m of late) group.deliver(m);
    group.exchange();
    for (const m of denial) group.deliver(m);
    group.exchange();
    return group;
  }

  it('is not shortened by denials of different times', () => {
    expect(denialsOfDifferentTimes().process(4).disk.log.last).toBe(3);
  });

  it('would lose a committed entry if they were added up, and that is seen', () => {
    const world = withBug('denials of different terms are added up');
    expect(() => denialsOfDifferentTimes(world)).toThrow(/committed-kept: the disk of 4 loses/);
  });

  /** 2 loses its end; an acknowledgement of its life before reaches the leader, which knows of the loss. */
  function lateAck(world: GroupOptions = {}): ScriptedGroup {
    const group = new ScriptedGroup(3, repair, world);
    group.campaign(1);
    group.passes = (m) => m.to !== 3 && m.from !== 3 && m.type !== MsgAppResp;
    group.process(1).requests.propose(2, 4);
    group.exchange();
    expect(group.process(2).disk.log.last).toBe(4);
    const acks = group.held.filter(isAbout(MsgAppResp, 1, 2));
    group.crash(2);
    group.process(2).disk.loseTail(3);
    group.start(2);
    group.passes = (m) =>
      m.to !== 3 && m.from !== 3 && (m.type !== MsgApp || m.entries.length === 0);
    group.tick(2, 1, 2);
    expect(group.process(2).node?.status().isRecovering).toBe(true);
    for (const m of acks) group.deliver(m);
    group.exchange();
    return group;
  }

  it('of a recovering replica under the same leader: acknowledgements of its life before are void', () => {
    const group = lateAck();
    expect(commitOf(group, 1)).toBe(2);
    group.connect(1, 2);
    group.tick(20, 1, 2);
    expect(group.process(2).node?.status()).toMatchObject({ isRecovering: false, lastIndex: 4 });
    expect(commitOf(group, 1)).toBe(4);
  });

  it('would commit by them what one disk alone has, and that is seen', () => {
    const world = withBug('acknowledgements of a lost life count');
    expect(() => lateAck(world)).toThrow(/commit-durable: 1 decided 2\/\d, durable on 1 of 1,2,3/);
  });

  /**
   * 2 loses its end, gets it back from 1, acknowledges 5 and 6, which 3 never gets, and loses its end again
   * under the same leader. Then what 1 sent to the life before comes once more.
   */
  function secondLoss(world: GroupOptions = {}): ScriptedGroup {
    const group = new ScriptedGroup(3, repair, world);
    group.campaign(1);
    group.process(1).requests.propose(2, 4);
    group.exchange();
    group.tick(2, 1, 2, 3);
    group.crash(2);
    group.process(2).disk.loseTail(3);
    const toSecondLife: Message[] = [];
    group.passes = (m) => {
      if (m.type === MsgApp && m.to === 2) toSecondLife.push({ ...m });
      return m.from !== 3 && m.to !== 3;
    };
    group.start(2);
    group.tick(20, 1, 2);
    expect(group.process(2).node?.status()).toMatchObject({ isRecovering: false, lastIndex: 4 });
    group.connect(1, 2);
    group.process(1).requests.propose(2, 4);
    group.exchange();
    expect(commitOf(group, 1)).toBe(6);
    group.crash(2);
    group.process(2).disk.loseTail(5);
    group.passes = () => false;
    group.start(2);
    expect(group.process(2).node?.status()).toMatchObject({ isRecovering: true, lastIndex: 4 });
    for (const m of toSecondLife) group.deliver(m);
    group.connect(2, 3);
    for (let i = 0; i < 10; i++) {
      group.tick(10, 2, 3);
      group.campaign(3);
    }
    return group;
  }

  it('of a replica that recovers twice under the same leader: what was meant for its life before is void', () => {
    const group = secondLoss();
    expect(group.process(2).node?.status().isRecovering).toBe(true);
    expect(group.process(3).isLeader).toBe(false);
    group.connect(1, 2, 3);
    group.tick(60, 1, 2, 3);
    expect(group.process(2).node?.status()).toMatchObject({ isRecovering: false });
    expect(group.processes.every(({ applied }) => applied >= 6)).toBe(true);
  });

  it('would elect one without what was committed, and that is seen', () => {
    const world = withBug('a leader’s word to an earlier life is taken for this one');
    expect(() => secondLoss(world)).toThrow(/leader-completeness: 3 in term \d+ lacks 6/);
  });
});
