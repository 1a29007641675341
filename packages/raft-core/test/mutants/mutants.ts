import type { Mutant } from './module-loader.js';

/** A bug and the layer of tests that catches it: a file, or a profile of the simulation. */
export interface PlantedBug extends Mutant {
  readonly caughtBy: string;
}

const membership = 'src/core/membership.test.ts';
const election = 'src/core/election.test.ts';
const repair = 'src/core/repair.test.ts';
const lease = 'src/core/lease.test.ts';
const snapshot = 'src/core/snapshot.test.ts';
const paper = 'test/paper.test.ts';
const follower = 'src/core/follower.test.ts';
const progress = 'src/tracker/progress.test.ts';
const reads = 'src/core/reads.test.ts';
const strangers = 'test/strangers.test.ts';

/** The eleven that etcd's data files let pass, as found by planting them in etcd's own core. */
const missedByDataFiles: readonly PlantedBug[] = [
  {
    name: 'commit old-term entries by counting (figure 8)',
    file: 'core/replication.ts',
    find: ' || r.log.term(index) !== r.term) return false;',
    replace: ') return false;',
    caughtBy: paper,
  },
  {
    name: 'vote twice in a term',
    file: 'core/election.ts',
    find: '(r.vote === NONE && r.leader === NONE)',
    replace: 'r.leader === NONE',
    caughtBy: paper,
  },
  {
    name: 'ReadIndex before a commit of the own term',
    file: 'core/reads.ts',
    find: 'if (!r.reads.wantsRound || !r.committedInTerm) return;',
    replace: 'if (!r.reads.wantsRound) return;',
    caughtBy: reads,
  },
  {
    name: 'campaign with an unapplied configuration change',
    file: 'core/election.ts',
    find: 'if (r.log.hasUnappliedConfChange || r.log.isInstalling) return false;',
    replace: 'if (r.log.isInstalling) return false;',
    caughtBy: membership,
  },
  {
    name: 'a new leader forgets pendingConfIndex',
    file: 'core/roles.ts',
    find: '  r.pendingConfIndex = r.log.lastIndex;\n',
    replace: '',
    caughtBy: membership,
  },
  {
    name: 'two configuration changes at once',
    file: 'core/membership.ts',
    find: '  if (r.pendingConfIndex > r.log.applied) return DropReason.ConfChangePending;\n',
    replace: '',
    caughtBy: membership,
  },
  {
    name: 'follower commits beyond the verified entry',
    file: 'core/follower.ts',
    find: 'log.commitTo(Math.min(m.commit, verified))',
    replace: 'log.commitTo(Math.min(m.commit, log.lastIndex))',
    caughtBy: paper,
  },
  {
    name: 'truncate on every append',
    file: 'core/follower.ts',
    find: '  if (conflict !== 0) {\n',
    replace:
      '  if (m.index + 1 <= log.lastIndex && conflict === 0 && m.index + 1 > log.committed) {\n    r.truncateFrom(m.index + 1);\n    log.append(m.entries);\n  }\n  if (conflict !== 0) {\n',
    caughtBy: follower,
  },
  {
    name: 'accept stale rejections',
    file: 'tracker/progress.ts',
    find: 'if (this.next - 1 !== rejected) return false;',
    replace: '',
    caughtBy: progress,
  },
  {
    name: 'keep a transfer to one that was removed',
    file: 'core/transfer.ts',
    find: 'if (r.leadTransferee !== NONE && !r.tracker.isVoter(r.leadTransferee)) abortTransfer(r);',
    replace: '',
    caughtBy: membership,
  },
  {
    name: 'apply an old snapshot',
    file: 'core/snapshot.ts',
    find: '  if (index <= log.committed) return false;\n',
    replace: '',
    caughtBy: snapshot,
  },
];

/** Those of docs on fault testing that live in the core, and more. */
const more: readonly PlantedBug[] = [
  {
    name: 'the vote leaves before it is durable',
    file: 'core/election.ts',
    find: '    r.sendWhenDurable(grant);',
    replace: '    r.send(grant);',
    caughtBy: election,
  },
  {
    name: 'a vote alone is not handed out to be stored',
    file: 'core/ready-builder.ts',
    find: 'return this.#raft.term !== this.#term || this.#raft.vote !== this.#vote;',
    replace: 'return this.#raft.term !== this.#term;',
    caughtBy: election,
  },
  {
    name: 'acknowledge before the sync',
    file: 'core/ready-builder.ts',
    find: 'return answer.index <= log.durable && (firstDamaged === 0 || answer.index < firstDamaged);',
    replace: 'return true;',
    caughtBy: paper,
  },
  {
    name: 'no empty entry at the start of a term',
    file: 'core/roles.ts',
    find: '  r.log.append([openingEntry(r.term, index)]);\n  r.out.appended(index);\n',
    replace: '',
    caughtBy: paper,
  },
  {
    name: 'reuse a read token',
    file: 'reads/read-rounds.ts',
    find: 'this.#round = { token: ++this.#lastToken, index, reads: this.#waiting };',
    replace: 'this.#lastToken = 1;\n    this.#round = { token: 1, index, reads: this.#waiting };',
    caughtBy: reads,
  },
  {
    name: 'any answer confirms the round of reads in flight',
    file: 'core/heartbeat.ts',
    find: 'confirmRead(r, p, m.readToken);',
    replace: 'confirmRead(r, p, r.reads.token);',
    caughtBy: reads,
  },
  {
    name: 'ReadIndex without a quorum',
    file: 'core/reads.ts',
    find: 'if (token === 0 || !r.tracker.readConfirmed(token)) return;',
    replace: 'if (token === 0) return;',
    caughtBy: reads,
  },
  {
    name: 'count a removed voter',
    file: 'core/membership.ts',
    find: 'r.tracker = new Tracker(conf, r.config, succession);',
    replace:
      'const all = [...new Set([...r.tracker.confState.voters, ...conf.voters])];\n  r.tracker = new Tracker({ ...conf, voters: all, learners: [] }, r.config, succession);',
    caughtBy: membership,
  },
  {
    name: 'a configuration change before an own commit',
    file: 'core/membership.ts',
    find: "  if (confChangeChecks === 'all' && !r.committedInTerm) return DropReason.ConfChangePending;\n",
    replace: '',
    caughtBy: membership,
  },
  {
    name: 'campaign before what was committed at the start is applied (two leaders, S2)',
    file: 'core/election.ts',
    find: 'return hasAppliedStart && r.silenceLeft',
    replace: 'return r.silenceLeft',
    caughtBy: election,
  },
  {
    name: 'no silence after a restart',
    file: 'core/election.ts',
    find: '  if (r.silenceLeft > 0) return true;\n',
    replace: '',
    caughtBy: election,
  },
  {
    name: 'apply what is not durable here',
    file: 'log/raft-log.ts',
    find: 'const high = Math.min(this.#committed, this.#durable) + 1;',
    replace: 'const high = this.#committed + 1;',
    caughtBy: 'simulation',
  },
  {
    name: 'a truncation leaves open tickets as they are (ABA)',
    file: 'core/outbox.ts',
    find: '    this.#tickets.truncateFrom(index);\n',
    replace: '',
    caughtBy: 'src/core/replication.test.ts|src/core/follower.test.ts',
  },
  {
    name: 'heartbeats carry the leader’s commit, not the follower’s',
    file: 'core/heartbeat.ts',
    find: 'm.commit = Math.min(p.match, r.log.committed);',
    replace: 'm.commit = r.log.committed;',
    caughtBy: 'src/core/heartbeat.test.ts',
  },
  {
    name: 'a pre-vote changes the term',
    file: 'core/step.ts',
    find: 'if (isFromLeader(m) || m.type === MessageType.MsgPreVote) return false;',
    replace: 'if (isFromLeader(m)) return false;',
    caughtBy: election,
  },
  {
    name: 'a refused pre-vote is answered in the term that was asked for',
    file: 'core/election.ts',
    find: 'const refusal = makeMessage(response, m.from, r.term);',
    replace: 'const refusal = makeMessage(response, m.from, m.term);',
    caughtBy: election,
  },
  {
    name: 'a leader that hears nobody leads on',
    file: 'core/tick.ts',
    find: 'p.recentActive = p.id === r.id;',
    replace: 'p.recentActive = true;',
    caughtBy: 'src/core/heartbeat.test.ts',
  },
  {
    name: 'a leader that is heard is deposed all the same',
    file: 'core/election.ts',
    find: 'return r.leader !== NONE && r.electionElapsed < r.config.electionTick;',
    replace: 'return false;',
    caughtBy: election,
  },
  {
    name: 'the window in bytes is ignored',
    file: 'tracker/inflights.ts',
    find: 'return this.#count >= this.#maxCount || this.#bytes >= this.#maxBytes;',
    replace: 'return this.#count >= this.#maxCount;',
    caughtBy: 'src/tracker/inflights.test.ts',
  },
  {
    name: 'a joint configuration decides by one half',
    file: 'quorum/joint.ts',
    find: 'return Math.min(this.incoming.committedIndex(ackedOf), this.outgoing.committedIndex(ackedOf));',
    replace: 'return this.incoming.committedIndex(ackedOf);',
    caughtBy: membership,
  },
  {
    name: 'a joint configuration is never left by itself',
    file: 'core/membership.ts',
    find: '  if (!r.isLeader || !confState.autoLeave ||',
    replace: '  if (confState.autoLeave || !r.isLeader || !confState.autoLeave ||',
    caughtBy: membership,
  },
  {
    name: 'a demoted voter is a learner at once',
    file: 'confchange/changer.ts',
    find: 'if (this.#outgoing.has(id)) this.learnersNext.add(id);\n    else this.learners.add(id);',
    replace: 'this.learners.add(id);',
    caughtBy: membership,
  },
  {
    name: 'a snapshot is acknowledged before it is installed',
    file: 'log/raft-log.ts',
    find: 'this.#durable = Math.min(this.#durable, this.#committed);',
    replace: 'this.#durable = index;',
    caughtBy: snapshot,
  },
  {
    name: 'a snapshot in flight holds a follower for ever',
    file: 'core/tick.ts',
    find: 'if (++p.snapshotElapsed >= r.config.snapshotTimeoutTick) p.becomeProbe();',
    replace: '',
    caughtBy: snapshot,
  },
  {
    name: 'a lease runs from the answer, not from the sending',
    file: 'core/heartbeat.ts',
    find: 'p.leaseSentMs = Math.max(p.leaseSentMs, r.lease.sentAt(m.readToken));',
    replace: 'p.leaseSentMs = r.nowMs;',
    caughtBy: lease,
  },
  {
    name: 'a lease without a margin for clocks that differ',
    file: 'reads/lease.ts',
    find: 'electionTimeoutMs * (1 - DRIFT_SHARE) - tickMs',
    replace: 'electionTimeoutMs',
    caughtBy: lease,
  },
  {
    name: 'a lease outlives TimeoutNow',
    file: 'core/transfer.ts',
    find: '  r.lease?.revoke();\n',
    replace: '',
    caughtBy: lease,
  },
  {
    name: 'a promise to a leader ends with its term',
    file: 'core/election.ts',
    find: '  if (isBoundByLease(r) && !(m.force && m.type === MessageType.MsgVote)) return true;\n',
    replace: '',
    caughtBy: lease,
  },
  {
    name: 'denials of different terms are added up',
    file: 'core/repair.ts',
    find: '    becomeFollower(r, m.denyTerm, NONE);\n    return StepStatus.Ok;\n  }\n  return countDenial(r, m);',
    replace: '    r.repairs.denials?.deniers.add(m.from);\n  }\n  return countDenial(r, m);',
    caughtBy: repair,
  },
  {
    name: 'a replica denies without adopting the term',
    file: 'core/repair.ts',
    find: '  if (m.denyTerm > r.term) becomeFollower(r, m.denyTerm, NONE);\n  answer.reject = true;\n  answer.denyTerm = r.term;',
    replace: '  answer.reject = true;\n  answer.denyTerm = Math.max(r.term, m.denyTerm);',
    caughtBy: repair,
  },
  {
    name: 'a recovering replica votes',
    file: 'core/election.ts',
    find: '  if (r.repairs.isRecovering) return true;\n',
    replace: '',
    caughtBy: repair,
  },
  {
    name: 'acknowledgements of a lost life count',
    file: 'core/replication.ts',
    find: 'if (m.repairIndex === 0 && p.repairToken !== 0 && p.repairToken !== m.readToken) {',
    replace: 'if (p.match < 0) {',
    caughtBy: repair,
  },
  {
    name: 'a leader’s word to an earlier life is taken for this one',
    file: 'core/follower.ts',
    find: 'if (m.readToken === repairs.lifeToken) {',
    replace: 'if (m.readToken !== 0) {',
    caughtBy: repair,
  },
  {
    name: 'what stands above a damaged entry is acknowledged',
    file: 'core/follower.ts',
    find: 'ack.index = isWhole ? index : damaged - 1;',
    replace: 'ack.index = index;',
    caughtBy: repair,
  },
  {
    name: 'a removed leader leads on',
    file: 'core/membership.ts',
    find: "  if (stepDownOnRemoval) beginStepDown(r, 'removed');",
    replace: '',
    caughtBy: membership,
  },
  {
    name: 'proposals of a deposed leader get no outcome',
    file: 'core/roles.ts',
    find: "    r.drops.push({ kind: 'proposals', term: r.term, first, last, reason });\n",
    replace: '',
    caughtBy: 'src/core/replication.test.ts',
  },
  {
    name: 'the append timeout is ignored',
    file: 'core/ready-builder.ts',
    find: "    if (r.isLeader) beginStepDown(r, 'append-timeout');\n",
    replace: '',
    caughtBy: 'src/core/stalls.test.ts',
  },
];

/** Those of configurations that some know and others do not, and of snapshots and damage that come at a bad moment. */
const betweenTheRules: readonly PlantedBug[] = [
  {
    name: 'entries above a change are counted by the configuration before it',
    file: 'core/replication.ts',
    find: "  if (r.config.confChangeChecks !== 'all') return Number.POSITIVE_INFINITY;\n",
    replace: '  if (r.term > 0) return Number.POSITIVE_INFINITY;\n',
    caughtBy: membership,
  },
  {
    name: 'an entry is given up by a configuration that is over',
    file: 'core/repair.ts',
    find: 'return isOpen && isKnown;',
    replace: 'return isOpen;',
    caughtBy: repair,
  },
  {
    name: 'an entry is given up that the configuration before may have committed',
    file: 'core/repair.ts',
    find: ' && (before === null || lacks(before.quorum));',
    replace: ';',
    caughtBy: repair,
  },
  {
    name: 'an entry is given up that a leader was heard to have committed',
    file: 'core/repair.ts',
    find: 'index > Math.max(log.committed, r.commitHeard)',
    replace: 'index > log.committed',
    caughtBy: repair,
  },
  {
    name: 'an entry is given up by one half of a joint configuration that may be over',
    file: 'core/repair.ts',
    find: 'isEnding ? quorum.incoming : quorum',
    replace: 'quorum',
    caughtBy: repair,
  },
  {
    name: 'denials of a term in which the entry was acknowledged count',
    file: 'core/repair.ts',
    find: 'r.term <= Math.max(term, repairs.foundTerm)',
    replace: 'r.term <= term',
    caughtBy: repair,
  },
  {
    name: 'an only voter is not silent, although it may have got company',
    file: 'core/raft.ts',
    find: ' && !this.log.mayHoldConfChange;',
    replace: ';',
    caughtBy: election,
  },
  {
    name: 'a removed leader is a stranger to its followers',
    file: 'core/step.ts',
    find: 'isFromLeader(m) || isOfOwnLeader(r, m)',
    replace: 'isFromLeader(m)',
    caughtBy: strangers,
  },
  {
    name: 'a candidate’s word on commits is taken for any log',
    file: 'core/election.ts',
    find: 'if (!r.log.matches(m.commit, commitTerm) || !r.log.commitTo(m.commit)) return false;',
    replace: 'if (!r.log.commitTo(Math.min(m.commit, r.log.lastIndex))) return false;',
    caughtBy: strangers,
  },
  {
    name: 'a campaign goes on by a configuration that is over',
    file: 'core/election.ts',
    find: '  if (isCampaigning && r.log.hasUnappliedConfChange) becomeFollower(r, r.term, NONE);\n',
    replace: '',
    caughtBy: strangers,
  },
  {
    name: 'acknowledgements that wait leave although damage was found',
    file: 'core/ready-builder.ts',
    find: ' && (firstDamaged === 0 || answer.index < firstDamaged);',
    replace: ' && firstDamaged >= 0;',
    caughtBy: repair,
  },
  {
    name: 'a leader counts its own damaged copy',
    file: 'core/repair.ts',
    find: '  if (self !== undefined) self.match = Math.min(self.match, r.repairs.firstDamaged - 1);\n',
    replace: '',
    caughtBy: repair,
  },
  {
    name: 'a snapshot that comes twice is installed twice',
    file: 'core/snapshot.ts',
    find: 'isWanted && matches && !log.isInstalling',
    replace: 'isWanted && matches',
    caughtBy: snapshot,
  },
  {
    name: 'a snapshot is handed out before the entries that it stands for',
    file: 'core/ready-builder.ts',
    find: 'isAfterEntries ? null : log.takeUnhandedSnapshot();',
    replace: 'isAfterEntries ? log.takeUnhandedSnapshot() : log.takeUnhandedSnapshot();',
    caughtBy: snapshot,
  },
  {
    name: 'a change that was applied above a snapshot is lost',
    file: 'log/raft-log.ts',
    find: 'this.#confChanges.appliedTo(Math.min(index, kept));',
    replace: 'this.#confChanges.appliedTo(index);',
    caughtBy: snapshot,
  },
  {
    name: 'one without a state machine never leads, though it has the newest log',
    file: 'core/election.ts',
    find: '(!r.wantsSnapshot || isLastResort(r))',
    replace: '!r.wantsSnapshot',
    caughtBy: snapshot,
  },
];

export const plantedBugs: readonly PlantedBug[] = [
  ...missedByDataFiles,
  ...more,
  ...betweenTheRules,
];
