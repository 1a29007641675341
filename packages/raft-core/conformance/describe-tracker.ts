import type { ConfState } from '#src/storage.js';
import { type Progress, ProgressState } from '#src/tracker/progress.js';
import type { Tracker } from '#src/tracker/tracker.js';

const set = (ids: readonly number[]): string => `(${ids.join(' ')})`;

/** A configuration as etcd prints it. */
export function describeConf(conf: ConfState): string {
  const joint = conf.votersOutgoing.length > 0 ? `&&${set(conf.votersOutgoing)}` : '';
  const learners = conf.learners.length > 0 ? ` learners=${set(conf.learners)}` : '';
  const next = conf.learnersNext.length > 0 ? ` learners_next=${set(conf.learnersNext)}` : '';
  return `voters=${set(conf.voters)}${joint}${learners}${next}${conf.autoLeave ? ' autoleave' : ''}`;
}

/** One line a member, as etcd prints it. */
export function describeProgress(tracker: Tracker): string {
  return tracker.members.map((p) => `${p.id}: ${describeMember(p)}\n`).join('');
}

function describeMember(p: Progress): string {
  const state = Object.entries(ProgressState).find(([, value]) => value === p.state)?.[0];
  const inflight = p.inflights.count > 0 ? ` inflight=${p.inflights.count}` : '';
  return [
    `${state} match=${p.match} next=${p.next}`,
    p.isLearner ? ' learner' : '',
    p.isPaused ? ' paused' : '',
    p.pendingSnapshot > 0 ? ` pendingSnap=${p.pendingSnapshot}` : '',
    p.recentActive ? '' : ' inactive',
    inflight,
    inflight !== '' && p.inflights.full ? '[full]' : '',
  ].join('');
}
