import { type ConfState, defaultConfig, isJoint, type ReplicaId } from '@dougdb/raft-core';
import { isQuorum, Violation } from '@dougdb/raft-core/testing';
import { leaveJoint } from './faults/member-changes.js';
import { mayGo } from './faults/removals.js';
import { isMemberOf } from './members.js';
import type { RaftProcess } from './process/raft-process.js';
import type { RaftGroup } from './raft-group.js';

const STEP_US = 100_000;
/** Within so much simulated time everything has to be well. */
const PATIENCE_US = 60_000_000;
/** Messages of one entry and one at a time need long for what clients asked for, but something has to go on. */
const BACKLOG_US = 600_000_000;
const STANDSTILL_US = 20_000_000;
/** Entries that have to be decided after the faults are over. */
const DECIDED = 10;
/** Events by which a group that can heal has done so. */
const MAX_EVENTS = 2_000_000;
/** Of each replica of a group that has nothing to do, in a second; heartbeats with each tick make 450 of seven. */
const MAX_IDLE_EVENTS = 1500;
const IDLE_US = 500_000;

/** Faults end; a core of the group, or all of it, has to come to terms and go on. */
export function heal(group: RaftGroup): void {
  group.isHealing = true;
  group.network.isFaulty = false;
  group.network.rules.clear();
  const down = group.plan.healsPartly ? minority(group) : [];
  for (const process of group.processes) {
    process.disk.slowness = 1;
    process.disk.stalledUntilUs = 0;
    if (process.isPaused) group.resume(process);
    if (process.isDestroyed) continue;
    if (down.includes(process.id)) process.crash();
    else if (process.node === null) process.start({ isNew: false });
  }
  if (down.length > 0) group.coverage.hit('healed-without-some');
  const from = group.oracle.committed.last;
  for (const { life } of group.running) life.answered = 0;
  const begun = group.events;
  let why = '';
  for (let waitedUs = 0; waitedUs < PATIENCE_US; waitedUs += STEP_US) {
    group.runUntil(group.nowUs + STEP_US);
    if (group.events - begun > MAX_EVENTS) {
      throw new Violation('no-storm', `${group.events - begun} events, and it is not well`);
    }
    if (isJoint(group.oracle.conf) && !group.oracle.conf.autoLeave) leaveJoint(group);
    takeAwayRemoved(group, down);
    why = whyNotWell(group, from, down);
    if (why === '') return;
    askForMore(group, from);
  }
  throw new Violation('liveness', why);
}

/** New entries and reads at every replica: by them it is seen that the group goes on. */
function askForMore(group: RaftGroup, from: number): void {
  const isEnough = group.oracle.committed.last >= from + DECIDED;
  if (!isEnough) group.leader?.requests.propose(1, 4);
  for (const { life, requests } of group.running) if (life.answered === 0) requests.read();
}

/**
 * Whoever was removed goes, as by the rule for hosts. Without pre-vote and check-quorum nothing else holds it back
 * from campaigning, and newcomers hear everybody: there it goes at once, for all others are up.
 */
function takeAwayRemoved(group: RaftGroup, down: readonly ReplicaId[]): void {
  const { preVote, checkQuorum } = { ...defaultConfig, ...group.plan.config };
  const disturbs = !(preVote && checkQuorum) && down.length === 0;
  for (const process of group.processes) {
    const isGone = process.disk.log.last > 0 && !isMemberOf(group.oracle.conf, process.id);
    if (process.isDestroyed || !isGone) continue;
    if (disturbs || mayGo(group, process)) process.destroy();
  }
}

/** After the last request everything that was asked is answered, and all members are whole and equal. */
export function settle(group: RaftGroup): void {
  group.stopOperations();
  const { outcomes } = group.oracle;
  let why = '';
  let done = 0;
  let doneAtUs = group.nowUs;
  const untilUs = group.nowUs + BACKLOG_US;
  while (group.nowUs < Math.min(untilUs, doneAtUs + STANDSTILL_US)) {
    group.runUntil(group.nowUs + STEP_US);
    const before = done;
    done = group.running.reduce((sum, { applied, life }) => sum + applied - life.proposals.size, 0);
    if (done !== before) doneAtUs = group.nowUs;
    const isAnswered = group.running.every(
      ({ life }) => life.proposals.size + life.reads.size === 0,
    );
    why = whyNotEqual(group);
    if (isAnswered && why === '') {
      idle(group);
      return;
    }
  }
  for (const { id, life } of group.running) outcomes.finish(id, life);
  throw new Violation('liveness', why);
}

/** A member that runs and has not everything, or nothing. */
function whyNotEqual({ running, oracle }: RaftGroup): string {
  const { conf, committed } = oracle;
  for (const { id, applied, node } of running) {
    const status = node?.status();
    if (status === undefined || !isMemberOf(conf, id)) continue;
    if (status.isRecovering) return `${id} is not recovered`;
    if (status.damaged.length > 0) return `${id} lacks ${status.damaged.join()}`;
    if (applied < committed.last) return `${id} is at ${applied} of ${committed.last}`;
  }
  return '';
}

/** Nobody has anything to do: heartbeats are all that there is. */
function idle(group: RaftGroup): void {
  const before = group.events;
  group.runUntil(group.nowUs + IDLE_US);
  const perSecond = ((group.events - before) / IDLE_US) * 1e6;
  if (perSecond <= MAX_IDLE_EVENTS * group.running.length) return;
  throw new Violation('no-storm', `${perSecond} events a second, and nothing to do`);
}

/** What is still wrong, or nothing. */
function whyNotWell(group: RaftGroup, from: number, down: readonly ReplicaId[]): string {
  const { leader, oracle } = group;
  const { conf } = oracle;
  const { last } = oracle.committed;
  if (leader === null) return 'nobody leads';
  if (isJoint(conf)) return 'a joint configuration is not left';
  if (last < from + DECIDED) return `only ${last - from} entries were decided`;
  for (const process of members(group, conf)) {
    if (down.includes(process.id)) continue;
    const problem = whyNotFollowing(process, leader);
    if (problem !== '') return `${process.id} ${problem}`;
  }
  return '';
}

function whyNotFollowing({ node, life }: RaftProcess, leader: RaftProcess): string {
  if (node === null) return 'does not run';
  const { leader: followed } = node.status();
  if (followed !== leader.id) return `follows ${followed}, not ${leader.id}`;
  return life.answered === 0 ? 'had no read answered' : '';
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
