/** Quorums and configurations against slow and simple oracles. */
import { changeConf, confProblem, isJoint } from '../src/confchange/changer.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  LEAVE_JOINT,
} from '../src/confchange/conf-change.js';
import { decodeConfChange, encodeConfChange } from '../src/confchange/conf-change-format.js';
import { JointConfig } from '../src/quorum/joint.js';
import { VoteResult } from '../src/quorum/vote-result.js';
import type { ConfState } from '../src/storage.js';
import { Prng } from './harness/prng.js';

const seed = Number(process.env.RAFT_PROPERTY_SEED ?? 1);
const CASES = 50_000;
const replay = `RAFT_PROPERTY_SEED=${seed} npx jest --selectProjects raft-core -- properties`;

function ids(prng: Prng, max: number): number[] {
  return Array.from({ length: 7 }, (_, i) => i + 1).filter(() => prng.chance(max / 7));
}

const majority = (half: readonly number[], yes: (id: number) => boolean): boolean =>
  half.length === 0 || half.filter(yes).length * 2 > half.length;

describe('quorums', () => {
  it(`agree with counting by hand in ${CASES} cases (${replay})`, () => {
    const prng = new Prng(seed);
    for (let i = 0; i < CASES; i++) {
      const [a, b] = [ids(prng, 4), prng.chance(0.5) ? ids(prng, 4) : []];
      const acked = new Map(ids(prng, 6).map((id) => [id, prng.between(0, 5)]));
      const votes = new Map(ids(prng, 6).map((id) => [id, prng.chance(0.5)]));
      const joint = new JointConfig(a, b);
      const reached = (index: number) => (id: number) => (acked.get(id) ?? 0) >= index;
      let index = 0;
      while (index < 7 && majority(a, reached(index + 1)) && majority(b, reached(index + 1)))
        index++;
      const committed = joint.committedIndex((id) => acked.get(id) ?? null);
      const isWon = [a, b].every((half) => majority(half, (id) => votes.get(id) === true));
      const canWin = [a, b].every((half) => majority(half, (id) => votes.get(id) !== false));
      const expected = isWon
        ? VoteResult.VoteWon
        : canWin
          ? VoteResult.VotePending
          : VoteResult.VoteLost;
      const vote = joint.voteResult((id) => votes.get(id) ?? null);
      if (Math.min(committed, 7) !== index || vote !== expected) {
        throw new Error(
          `case ${i}: ${JSON.stringify({ a, b, acked: [...acked], votes: [...votes] })}`,
        );
      }
    }
  });
});

/** What each member is, by a rule for each: the slow way to change a configuration. */
type Roles = Map<number, { now: 'voter' | 'learner' | 'none'; wasVoter: boolean }>;

function slowChange(conf: ConfState, change: ConfChange): ConfState | null {
  const isLeave = change.changes.length === 0 && change.transition === ConfChangeTransition.Auto;
  const roles: Roles = new Map();
  for (let id = 1; id <= 7; id++) {
    const now = conf.voters.includes(id)
      ? 'voter'
      : conf.learners.includes(id) || conf.learnersNext.includes(id)
        ? 'learner'
        : 'none';
    roles.set(id, { now, wasVoter: conf.votersOutgoing.includes(id) });
  }
  if (isLeave) {
    if (conf.votersOutgoing.length === 0) return null;
    for (const role of roles.values()) role.wasVoter = false;
    return confOf(roles, { autoLeave: false });
  }
  const isSimple = change.changes.length <= 1 && change.transition === ConfChangeTransition.Auto;
  if (conf.votersOutgoing.length > 0) return null;
  if (!isSimple) {
    if (conf.voters.length === 0) return null;
    for (const role of roles.values()) role.wasVoter = role.now === 'voter';
  }
  for (const { type, id } of change.changes) {
    const role = roles.get(id);
    if (role === undefined) continue;
    if (type === ConfChangeType.AddNode) role.now = 'voter';
    if (type === ConfChangeType.AddLearnerNode) role.now = 'learner';
    if (type === ConfChangeType.RemoveNode) role.now = 'none';
  }
  if (![...roles.values()].some((role) => role.now === 'voter')) return null;
  return confOf(roles, {
    autoLeave: !isSimple && change.transition !== ConfChangeTransition.JointExplicit,
  });
}

function confOf(roles: Roles, { autoLeave }: { readonly autoLeave: boolean }): ConfState {
  const pick = (test: (role: { now: string; wasVoter: boolean }) => boolean): number[] =>
    [...roles].filter(([, role]) => test(role)).map(([id]) => id);
  return {
    voters: pick((r) => r.now === 'voter'),
    votersOutgoing: pick((r) => r.wasVoter),
    learners: pick((r) => r.now === 'learner' && !r.wasVoter),
    learnersNext: pick((r) => r.now === 'learner' && r.wasVoter),
    autoLeave,
  };
}

function randomChange(prng: Prng): ConfChange {
  if (prng.chance(0.25)) return LEAVE_JOINT;
  const changes: ConfChangeSingle[] = Array.from({ length: prng.between(0, 4) }, () => ({
    type: prng.pick(Object.values(ConfChangeType)),
    id: prng.between(0, 7),
  }));
  return { changes, transition: prng.pick(Object.values(ConfChangeTransition)) };
}

describe('configurations', () => {
  it(`change as by hand in ${CASES} cases, and any two in a row share a member of their quorums (${replay})`, () => {
    const prng = new Prng(seed);
    let conf: ConfState = {
      ...{ voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    };
    let changed = 0;
    for (let i = 0; i < CASES; i++) {
      const change = randomChange(prng);
      const result = changeConf(conf, change);
      const expected = slowChange(conf, change);
      const next = 'refused' in result ? null : result.conf;
      const text = (): string => `case ${i}: ${JSON.stringify({ conf, change, next, expected })}`;
      // Two voters at once without a joint configuration are refused besides.
      const isRefused = expected === null || next === null;
      if (!isRefused && JSON.stringify(next) !== JSON.stringify(expected)) {
        if (!sameMembers(next, expected)) throw new Error(text());
      }
      if (expected === null && next !== null) throw new Error(text());
      if (next === null) continue;
      changed++;
      if (confProblem(next) !== null || !quorumsMeet(conf, next)) throw new Error(text());
      conf = next;
    }
    expect(changed).toBeGreaterThan(CASES / 20);
    expect(isJoint(conf)).toBe(conf.votersOutgoing.length > 0);
  });

  it('are read back from their bytes, and garbage is refused', () => {
    const prng = new Prng(seed);
    for (let i = 0; i < 5000; i++) {
      const change = randomChange(prng);
      const bytes = encodeConfChange(change);
      expect(decodeConfChange(bytes)).toEqual(change);
      bytes[prng.between(0, bytes.length - 1)] = prng.between(0, 255);
      const cut = bytes.subarray(0, prng.between(0, bytes.length));
      for (const garbage of [bytes, cut]) {
        const read = decodeConfChange(garbage);
        if (read !== null && garbage.length > 0) expect(encodeConfChange(read)).toEqual(garbage);
      }
    }
    const big = { changes: [{ type: 0, id: 2 ** 53 - 1 }], transition: 0 } as const;
    expect(decodeConfChange(encodeConfChange(big))).toEqual(big);
  });
});

function sameMembers(a: ConfState, b: ConfState): boolean {
  const text = (conf: ConfState): string =>
    JSON.stringify([
      conf.voters,
      conf.votersOutgoing,
      conf.learners,
      conf.learnersNext,
      conf.autoLeave,
    ]);
  return text(a) === text(b);
}

/** Whether no two disjoint sets of replicas could decide, one by `before` and one by `after`. */
function quorumsMeet(before: ConfState, after: ConfState): boolean {
  const decides = (conf: ConfState, set: number): boolean =>
    [conf.voters, conf.votersOutgoing].every((half) =>
      majority(half, (id) => (set & (1 << id)) !== 0),
    );
  for (let set = 0; set < 256; set += 2) {
    if (decides(before, set) && decides(after, 254 & ~set)) return false;
  }
  return true;
}
