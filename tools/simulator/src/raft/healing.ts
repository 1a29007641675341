import { type ConfState, isJoint, type ReplicaId } from '@dougdb/raft-core';
import { isQuorum, Violation } from '@dougdb/raft-core/testing';
import { leaveJoint } from './member-changes.js';
import { isMemberOf } from './members.js';
import type { RaftGroup } from './raft-group.js';
import type { RaftProcess } from './raft-process.js';

const STEP_US = 100_000;
/** Within so much simulated time everything has to be well. */
const PATIENCE_US = 60_000_000;
/** Messages of one entry and one at a time need long for what clients asked for. */
const BACKLOG_US = 600_000_000;
/** In a healed group nothing happens more often. */
const MAX_EVENTS_A_SECOND = 200_000;

/** Faults end; a core of the group, or all of it, has to come to terms and go on. */
export function heal(group: RaftGroup): void {
  group.isHealing = true;
  group.network.isFaulty = false;
  group.network.rules.clear();
  const down = group.plan.healsPartly ? minority(group) : [];
  // Others may need the word of one that was removed, until they know that it was.
  if (down.length === 0) destroyRemoved(group);
  for (const process of group.processes) {
    process.disk.slowness = 1;
    process.disk.stalledUntilUs = 0;
    if (process.isPaused) group.resume(process);
    if (process.isDestroyed) continue;
    // One of two voters whose state machine is damaged leads no more, and the other cannot: that is
    // one fault too many, and its host begins with what it has.
    const { voters, votersOutgoing } = group.oracle.conf;
    const isOneOfTwo =
      process.wantsSnapshot &&
      [voters, votersOutgoing].some(({ length }) => length === 1 || length === 2);
    if (isOneOfTwo) process.crash();
    if (down.includes(process.id)) process.crash();
    else if (process.node === null) process.start({ isNew: false });
  }
  if (down.length > 0) group.coverage.hit('healed-without-some');
  const from = group.oracle.committed.last;
  let why = '';
  for (let waitedUs = 0; waitedUs < PATIENCE_US; waitedUs += STEP_US) {
    const before = group.events;
    group.runUntil(group.nowUs + STEP_US);
    if (group.events - before > MAX_EVENTS_A_SECOND * (STEP_US / 1e6)) {
      throw new Violation('no-storm', `${group.events - before} events in ${STEP_US} us`);
    }
    if (isJoint(group.oracle.conf) && !group.oracle.conf.autoLeave) leaveJoint(group);
    if (down.length === 0) destroyRemoved(group);
    for (const process of group.running) compactDamage(process);
    why = whyNotWell(group, from, down);
    if (why === '') return;
  }
  throw new Violation('liveness', why);
}

/** Whoever was removed is taken away by its host, which hears of it in another way (S19). */
function destroyRemoved(group: RaftGroup): void {
  for (const process of group.processes) {
    if (process.isDestroyed || process.disk.log.last === 0) continue;
    // One that only a change under way makes a member has no log yet.
    if (!isMemberOf(group.oracle.conf, process.id)) process.destroy();
  }
}

/** After the last request everything that was asked is answered, however much has piled up. */
export function settle(group: RaftGroup): void {
  group.stopOperations();
  const { outcomes } = group.oracle;
  for (let waitedUs = 0; waitedUs < BACKLOG_US; waitedUs += STEP_US) {
    group.runUntil(group.nowUs + STEP_US);
    if (group.running.every(({ life }) => life.proposals.size + life.reads.size === 0)) return;
  }
  for (const { id, life } of group.running) outcomes.finish(id, life);
}

/** A damaged entry that is applied here, and that nobody has any more, goes when its host compacts. */
function compactDamage(process: RaftProcess): void {
  const [first] = process.node?.status().damaged ?? [];
  if (first !== undefined && first <= process.applied) process.compact(0.999);
}

/** What is still wrong, or nothing. */
function whyNotWell(group: RaftGroup, from: number, down: readonly ReplicaId[]): string {
  const { leader, oracle } = group;
  const { conf } = oracle;
  const { last } = oracle.committed;
  if (leader === null) return 'nobody leads';
  if (isJoint(conf)) return 'a joint configuration is not left';
  if (last < from + 10) return `only ${last - from} entries were decided`;
  for (const process of members(group, conf)) {
    if (down.includes(process.id)) continue;
    const problem = whyNotUpToDate(process, last, leader);
    if (problem !== '') return `${process.id} ${problem}`;
  }
  return '';
}

function whyNotUpToDate(process: RaftProcess, last: number, leader: RaftProcess): string {
  const status = process.node?.status();
  if (status === undefined) return 'does not run';
  if (status.isRecovering) return 'is not recovered';
  if (status.damaged.length > 0) return `lacks ${status.damaged.join()}`;
  if (status.leader !== leader.id) return `follows ${status.leader}, not ${leader.id}`;
  // Requests go on, so nobody is ever quite up to date.
  if (process.applied < last - 50) return `is at ${process.applied} of ${last}`;
  return '';
}

function members(group: RaftGroup, conf: ConfState): RaftProcess[] {
  const ids = [...conf.voters, ...conf.learners, ...conf.votersOutgoing];
  return group.processes.filter((process) => ids.includes(process.id));
}

/** Voters without whom there is still a quorum, whatever configuration is in force. */
function minority(group: RaftGroup): ReplicaId[] {
  const { conf } = group.oracle;
  // Who does not know the newest configuration may need others than it, who is damaged is down already.
  const isSettled = group.running.every(
    (p) =>
      !p.isImpaired &&
      p.node?.status().pendingConfIndex === 0 &&
      (!isMemberOf(conf, p.id) || p.conf.voters.join() === conf.voters.join()),
  );
  if (isJoint(conf) || !isSettled || group.running.length < conf.voters.length) return [];
  const down = conf.voters.slice(0, Math.floor((conf.voters.length - 1) / 2));
  const up = new Set(conf.voters.filter((id) => !down.includes(id)));
  return isQuorum(conf, up) ? down : [];
}
