/** What has to happen some time in a run of many seeds; a kind of event that never happens tests nothing. */
export const coverageNames = [
  // the world
  'messages-lost',
  'messages-duplicated',
  'messages-replayed-late',
  'messages-cut',
  'messages-filtered',
  'messages-clogged',
  'link-full',
  'snapshot-interrupted',
  'snapshot-delivered',
  'snapshot-report-lost',
  'crash',
  'crash-before-hard-state',
  'crash-with-unsynced-log',
  'kill-all',
  'pause',
  'slow-disk',
  'stalled-disk',
  'tail-lost',
  'entry-damaged',
  'isolate',
  'one-way',
  'bridge',
  'split',
  'ring',
  'clog',
  'filter',
  // elections
  'elected',
  'elected-with-conflict',
  'vote-refused-stale-log',
  'pre-vote-refused',
  'quorum-lost',
  'transfer-won',
  'transfer-aborted',
  'forget-leader',
  // the log
  'committed',
  'suffix-truncated',
  'append-below-purge',
  'proposal-dropped',
  'proposal-over-limit',
  'compacted',
  'snapshot-installed',
  'snapshot-over-existing-state',
  'append-timeout',
  // reads
  'read',
  'read-forwarded',
  'read-after-leader-change',
  'read-before-own-commit',
  'read-dropped',
  'lease-read',
  'lease-refused',
  // members
  'conf-changed',
  'conf-while-partitioned',
  'joint-entered',
  'joint-left-by-itself',
  'joint-left-on-demand',
  'learner-added',
  'learner-promoted',
  'voter-demoted',
  'voter-removed',
  'leader-removed-itself',
  'replica-destroyed',
  // damage
  'leader-hands-over-damaged',
  'entry-repaired',
  'loss-announced',
  'recovered',
  'snapshot-requested',
  'healed-without-some',
  'endured',
] as const;
export type CoverageName = (typeof coverageNames)[number];

export class Coverage {
  readonly counts: Record<CoverageName, number>;

  constructor() {
    this.counts = Object.fromEntries(coverageNames.map((name) => [name, 0])) as Record<
      CoverageName,
      number
    >;
  }

  hit(name: CoverageName): void {
    this.counts[name]++;
  }

  add(other: Coverage): void {
    for (const name of coverageNames) this.counts[name] += other.counts[name];
  }

  /** What has not happened yet. */
  get missing(): CoverageName[] {
    return coverageNames.filter((name) => this.counts[name] === 0);
  }
}
