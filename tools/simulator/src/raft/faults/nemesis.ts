import { isJoint, type Message, MessageType, type ReplicaId } from '@dougdb/raft-core';
import type { Action } from '../plan/actions.js';
import type { RaftProcess } from '../process/raft-process.js';
import type { RaftGroup } from '../raft-group.js';
import type { Rule } from '../raft-network.js';
import { changeMembers } from './member-changes.js';
import { mayGo } from './removals.js';

const types = Object.values(MessageType);

/** Rules that stand, by the action that made them. */
const standing = new WeakMap<Action, { readonly group: RaftGroup; readonly rule: Rule }>();
/** What an action has to undo at its end. */
const undo = new WeakMap<Action, () => void>();

/** Something goes wrong, or an operator does something. */
export function begin(group: RaftGroup, action: Action): void {
  const victim = pick(group, action.draws[0]);
  const other = pick(group, action.draws[1]);
  if (victim === null || other === null) return;
  group.trace.note(group.nowUs, 'begin', victim.id, other.id, action.kind);
  switch (action.kind) {
    case 'crash':
    case 'crash-loop':
      crash(group, victim, action);
      return;
    case 'tail-lost':
      crash(group, victim, action);
      loseTail(group, victim, action.draws[2]);
      return;
    case 'kill-all':
      group.coverage.hit('kill-all');
      for (const process of group.processes) crash(group, process, action);
      return;
    case 'pause':
      pause(group, victim, action);
      return;
    case 'slow-disk':
      group.coverage.hit('slow-disk');
      victim.disk.slowness = 5 + 200 * action.draws[2];
      undo.set(action, () => {
        victim.disk.slowness = 1;
      });
      group.later(action, action.durationUs);
      return;
    case 'stalled-disk':
      group.coverage.hit('stalled-disk');
      victim.disk.stalledUntilUs = group.nowUs + 2 * action.durationUs;
      return;
    case 'entry-damaged':
      damage(group, victim, action.draws[2]);
      return;
    case 'compact':
      victim.compact(action.draws[2]);
      return;
    case 'transfer':
      group.leader?.ask((node) => node.transferLeader(other.id));
      return;
    case 'forget-leader':
      if (victim.ask((node) => node.forgetLeader()) === true) group.coverage.hit('forget-leader');
      return;
    case 'campaign':
      victim.ask((node) => node.campaign());
      return;
    case 'request-snapshot':
      requestSnapshot(group, victim);
      return;
    case 'isolate':
    case 'one-way':
    case 'bridge':
    case 'split':
    case 'ring':
    case 'clog':
    case 'filter':
      disturb(group, action, ruleOf(group, action, victim.id, other.id));
      return;
    default:
      changeMembers(group, action);
  }
}

/** ... and is over. */
export function end(group: RaftGroup, action: Action): void {
  group.trace.note(group.nowUs, 'end', 0, 0, action.kind);
  if (action.kind === 'remove') takeAway(group, action);
  const known = standing.get(action);
  if (known?.group === group) group.network.rules.delete(known.rule);
  undo.get(action)?.();
}

/** A replica that was removed; later, if somebody may need it. */
function takeAway(group: RaftGroup, action: Action): void {
  const process = group.process(action.draws[0]);
  if (process === undefined || process.isDestroyed) return;
  if (mayGo(group, process)) process.destroy();
  else group.later(action, action.durationUs);
}

/** A leader rather than anybody: that is where faults hurt. */
function pick(group: RaftGroup, draw: number): RaftProcess | null {
  const { leader } = group;
  if (leader !== null && draw < 0.4) return leader;
  const alive = group.processes.filter((process) => !process.isDestroyed);
  const at = draw < 0.4 ? draw / 0.4 : (draw - 0.4) / 0.6;
  return alive[Math.floor(at * alive.length)] ?? null;
}

function crash(group: RaftGroup, process: RaftProcess, action: Action): void {
  if (process.isDestroyed) return;
  process.crash();
  group.restart(process, action.durationUs);
}

/** Promised entries are gone; the replica knows. */
function loseTail(group: RaftGroup, { disk, node }: RaftProcess, draw: number): void {
  if (node !== null || !mayImpair(group)) return;
  const first = Math.max(disk.frontier, disk.log.base) + 1;
  const count = disk.log.last - first + 1;
  if (count <= 0) return;
  disk.loseTail(first + Math.floor(draw * count));
  if (disk.isTailLost) group.coverage.hit('tail-lost');
}

/**
 * Whether a replica may lose something: at most one does at a time, apart from `already`, and no voter goes
 * meanwhile. Of the two or three that hold an entry the ones that are left have to be a quorum with it.
 */
function mayImpair({ processes, leader, oracle }: RaftGroup, already?: RaftProcess): boolean {
  if (processes.some((p) => p !== already && !p.isDestroyed && p.isImpaired)) return false;
  const { conf } = oracle;
  if (isJoint(conf) || conf.voters.length < 3) return false;
  return leader?.node?.status().pendingConfIndex === 0;
}

function damage(group: RaftGroup, process: RaftProcess, draw: number): void {
  const { storage } = process.disk;
  const count = storage.lastIndex() - storage.firstIndex() + 1;
  if (count <= 0) return;
  if (!mayImpair(group, process)) return;
  group.coverage.hit('entry-damaged');
  storage.damage(storage.lastIndex() - Math.floor(draw * draw * count));
}

/** A state machine is damaged. */
function requestSnapshot(group: RaftGroup, process: RaftProcess): void {
  if (process.node === null || process.isPaused || !mayImpair(group)) return;
  group.coverage.hit('snapshot-requested');
  process.wantsSnapshot = true;
  process.ask((node) => node.requestSnapshot());
}

function pause(group: RaftGroup, process: RaftProcess, action: Action): void {
  if (process.node === null || process.isPaused) return;
  group.coverage.hit('pause');
  process.isPaused = true;
  const life = process.lifeNumber;
  undo.set(action, () => {
    if (process.lifeNumber !== life || !process.isPaused) return;
    group.resume(process);
    // Timers of the time that was missed fire in bulk, or only once.
    const missed = Math.min(100, Math.floor(action.durationUs / group.plan.tickUs));
    if (action.draws[2] < 0.5) process.catchUp(missed);
  });
  group.later(action, action.durationUs);
}

function disturb(group: RaftGroup, action: Action, rule: Rule): void {
  if (action.kind in group.coverage.counts) {
    group.coverage.hit(action.kind as 'isolate');
  }
  group.network.rules.add(rule);
  standing.set(action, { group, rule });
  group.later(action, action.durationUs);
}

function ruleOf(group: RaftGroup, action: Action, victim: ReplicaId, other: ReplicaId): Rule {
  const untilUs = group.nowUs + action.durationUs;
  const isBetween = (from: ReplicaId, to: ReplicaId): boolean =>
    (from === victim && to === other) || (from === other && to === victim);
  const bits = Math.floor(action.draws[2] * 0x7fffffff);
  const side = (id: ReplicaId): number => (bits >>> (id % 31)) & 1;
  const count = group.processes.length;
  switch (action.kind) {
    case 'isolate':
      return cut(untilUs, (from, to) => from === victim || to === victim);
    case 'one-way':
      return cut(untilUs, (from, to) => (action.draws[2] < 0.5 ? from : to) === victim);
    case 'bridge':
      return cut(untilUs, isBetween);
    case 'split':
      return cut(untilUs, (from, to) => side(from) !== side(to));
    case 'ring':
      return cut(untilUs, (from, to) => {
        const apart = Math.abs(from - to);
        return apart !== 1 && apart !== count - 1;
      });
    case 'clog':
      return { kind: 'clog', untilUs, applies: isBetween };
    default: {
      const type = types[bits % types.length];
      const applies = (from: ReplicaId, _to: ReplicaId, of: Message['type']): boolean =>
        of === type && (action.draws[3] < 0.5 || from === victim);
      return { kind: 'filter', untilUs, applies };
    }
  }
}

const cut = (untilUs: number, applies: (from: ReplicaId, to: ReplicaId) => boolean): Rule => ({
  kind: 'cut',
  untilUs,
  applies,
});
