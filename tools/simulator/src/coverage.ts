import { type ActionKind, actionKinds } from './plan/actions.js';

/** What has to happen some time in many runs, beside every kind of fault; what never happens tests nothing. */
export const eventNames = [
  // the world
  'peer-message-lost',
  'stream-broken',
  'call-lost',
  'planned-crash',
  'elected',
  // what clients saw
  'ok',
  'failed-for-certain',
  'unknown',
  'compare-failed',
  'read-absent',
  'eventual-read',
  'sent-again',
  'sent-twice-at-once',
  'counted',
  'count-unknown',
  'session-refused',
  'unknown-field-refused',
  'txn-succeeded',
  'txn-failed',
  'range-deleted',
  'lease-read',
  'bounded-read',
  'revision-read',
  'compacted-refused',
  'watch-event',
  'watch-resumed',
  'incremented',
  'lock-taken',
  'guarded-work',
  // what the logs say
  'duplicate-in-log',
  'refused-at-apply',
  'key-expired',
  'floor-moved',
  'frozen',
] as const;
export type EventName = (typeof eventNames)[number];
export type CoverageName = EventName | ActionKind;
export const coverageNames: readonly CoverageName[] = [...actionKinds, ...eventNames];

export class Coverage {
  readonly counts = Object.fromEntries(coverageNames.map((name) => [name, 0])) as Record<
    CoverageName,
    number
  >;

  hit(name: CoverageName, times = 1): void {
    this.counts[name] += times;
  }

  add(other: Coverage): void {
    for (const name of coverageNames) this.counts[name] += other.counts[name];
  }

  /** What has not happened yet. */
  get missing(): CoverageName[] {
    return coverageNames.filter((name) => this.counts[name] === 0);
  }
}
