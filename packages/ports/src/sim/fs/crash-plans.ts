import type { KeepPart, UnsyncedPart } from './unsynced-part.js';

/** One way in which a power loss may end: which unsynced parts it keeps. */
export interface CrashPlan {
  /** For people: 'all but #17'. The numbers are ordinals of operations. */
  readonly label: string;
  readonly keep: KeepPart;
}

/**
 * The ways of losing unsynced parts that find bugs, after "All File Systems Are Not Created Equal" (Pillai et
 * al., OSDI 2014): nothing and all; all but one operation, and one alone (it overtook the others); names
 * without data and data without names; sizes without data and data without sizes; and each write of several
 * sectors torn behind its first, in its middle, before its last, and without its first, with all other
 * operations whole.
 */
export function crashPlans(parts: readonly UnsyncedPart[]): CrashPlan[] {
  if (parts.length === 0) return [{ label: 'nothing is unsynced', keep: () => false }];
  const plans: CrashPlan[] = [
    { label: 'nothing', keep: () => false },
    { label: 'all', keep: () => true },
    { label: 'names alone', keep: ({ kind }) => kind === 'name' },
    { label: 'data alone', keep: ({ kind }) => kind !== 'name' },
    { label: 'all but data', keep: ({ kind }) => kind !== 'sector' },
    { label: 'all but sizes', keep: ({ kind }) => kind !== 'size' },
  ];
  const operations = [...new Set(parts.map(operationOf))];
  if (operations.length > 1) {
    for (const operation of operations) {
      plans.push(
        { label: `all but ${operation}`, keep: (part) => operationOf(part) !== operation },
        { label: `${operation} alone`, keep: (part) => operationOf(part) === operation },
      );
    }
  }
  for (const part of parts) {
    if (part.kind === 'sector' && part.index === 0 && part.count > 1) plans.push(...tornAt(part));
  }
  return plans;
}

function tornAt(first: UnsyncedPart): CrashPlan[] {
  const operation = operationOf(first);
  const { count } = first;
  const torn = (label: string, keeps: (index: number) => boolean): CrashPlan => ({
    label: `all, of ${operation} ${label}`,
    keep: (part) => part.kind !== 'sector' || operationOf(part) !== operation || keeps(part.index),
  });
  const ends = new Set([1, count >>> 1, count - 1]);
  return [
    ...[...ends].map((end) => torn(`${end} of ${count} sectors`, (index) => index < end)),
    torn('all but the first sector', (index) => index > 0),
  ];
}

/** Writes in flight have no ordinal of their own: those of one file are one operation. */
function operationOf({ ordinal, path }: UnsyncedPart): string {
  return ordinal === 0 ? `in flight to ${path}` : `#${ordinal}`;
}
