import { defaultConfig, isJoint, type ReplicaId } from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import type { RaftProcess } from './process/raft-process.js';
import type { RaftGroup } from './raft-group.js';
import type { Rule } from './raft-network.js';

/** So long a leader has to be left alone. */
const TIME_US = 1_500_000;

/**
 * With pre-vote and check-quorum an idle group keeps its leader although one link is cut for good, and although
 * one replica is deaf: a half-broken switch must not make a group change leaders for ever.
 */
export function endure(group: RaftGroup): void {
  if (!isCalmEnough(group)) return;
  const { leader } = group;
  const other = group.running.find((p) => p !== leader && p.conf.voters.includes(p.id));
  if (leader === null || other === undefined) return;
  group.coverage.hit('endured');
  // Calls to campaign that are still on their way come first.
  group.runUntil(group.nowUs + TIME_US);
  const isBetween = (from: ReplicaId, to: ReplicaId): boolean =>
    (from === leader.id && to === other.id) || (from === other.id && to === leader.id);
  keepsLeader(group, leader, { ...CUT, applies: isBetween });
  keepsLeader(group, leader, { ...CUT, applies: (_from, to) => to === other.id });
}

const CUT = { kind: 'cut', untilUs: Number.POSITIVE_INFINITY } as const;

function keepsLeader(group: RaftGroup, leader: RaftProcess, rule: Rule): void {
  const { term } = leader;
  group.network.rules.add(rule);
  group.runUntil(group.nowUs + TIME_US);
  group.network.rules.clear();
  if (group.leader === leader && leader.term === term) {
    // Whoever was cut off hears of its leader again.
    group.runUntil(group.nowUs + TIME_US / 3);
    return;
  }
  const now = group.leader === null ? 'nobody' : `${group.leader.id} in term ${group.leader.term}`;
  throw new Violation('stable-leader', `${leader.id} led in term ${term}, ${now} does`);
}

/** Whether no election can be for want of time, of hosts or of members. */
function isCalmEnough({ plan, oracle, leader, running }: RaftGroup): boolean {
  const { electionTick, heartbeatTick, preVote, checkQuorum } = {
    ...defaultConfig,
    ...plan.config,
  };
  const { turnUs, tickLateUs } = plan.times;
  const { minUs, meanExtraUs, replay } = plan.network;
  const isInTime =
    Math.max(turnUs, tickLateUs) <= 1000 && minUs + meanExtraUs <= 3000 && replay === 0;
  if (!preVote || !checkQuorum || electionTick < 10 || heartbeatTick > 2 || !isInTime) return false;
  const { voters } = oracle.conf;
  const isWhole = (id: ReplicaId): boolean =>
    running.some((p) => p.id === id && p.applied === leader?.applied && !p.isImpaired);
  return voters.length >= 3 && !isJoint(oracle.conf) && voters.every(isWhole);
}
