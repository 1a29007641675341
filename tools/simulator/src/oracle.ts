import { foundBy, judgeLooks } from './look-oracle.js';
import { type Observation, tookEffect } from './observation.js';

/**
 * Judges the history of one partition, all of it, by the revisions that it answered: they are claimed to be the one
 * order of all writes. Linear time, no search. Sound: whatever it reports is a violation; what it
 * cannot see (an unknown write that nobody read) it does not judge.
 */
export function violations(history: readonly Observation[]): string[] {
  const found: string[] = [];
  const byRevision = new Map<number, Observation>();
  const attempts = new Map<string, Observation>();
  for (const op of history) {
    if (op.kind === 'put') attempts.set(op.value as string, op);
    if (!tookEffect(op)) continue;
    const other = byRevision.get(op.revision);
    if (other !== undefined) found.push(`revision ${op.revision} was answered to two writes`);
    byRevision.set(op.revision, op);
  }
  const byKey = new Map<string, Observation[]>();
  for (const op of history) {
    const list = byKey.get(op.key) ?? [];
    list.push(op);
    byKey.set(op.key, list);
  }
  judgeAppliedOnce(history, found);
  for (const ops of byKey.values()) judgeKey(ops, attempts, found);
  judgeRealTime(history, found);
  judgeLooks(history, found);
  return found;
}

/** INVARIANT(applied-once): a written value is unique, so it is only ever seen at one revision. */
function judgeAppliedOnce(history: readonly Observation[], found: string[]): void {
  const seenAt = new Map<string, number>();
  const see = (value: string | null, revision: number): void => {
    if (value === null) return;
    const before = seenAt.get(value);
    if (before !== undefined && before !== revision) {
      found.push(`value ${value} was seen at revision ${before} and at ${revision}`);
    }
    seenAt.set(value, revision);
  };
  for (const op of history) {
    if (op.status !== 'ok') continue;
    if (op.kind === 'get' || tookEffect(op)) see(op.value, op.revision);
    if (op.look?.previous) see(op.look.previous.value, op.look.previous.revision);
  }
}

/** What somebody saw at a key: by a get, or by a write that looked first. */
interface Sight {
  /** In words. */
  readonly by: string;
  /** 0: nothing was there. */
  readonly revision: number;
  /** Null: nothing was there, or it was not told. */
  readonly value: string | null;
  readonly invokedMs: number;
  readonly returnedMs: number;
}

function sightsOf(ops: readonly Observation[]): Sight[] {
  const sights: Sight[] = [];
  for (const op of ops) {
    if (op.status !== 'ok') continue;
    const { invokedMs, returnedMs } = op;
    const by = `${op.kind} ${op.key} at ${invokedMs} by client ${op.client}`;
    const seen = op.look === undefined ? undefined : foundBy(op.look);
    if (op.kind === 'get') {
      sights.push({ by, revision: op.revision, value: op.value, invokedMs, returnedMs });
    } else if (seen !== undefined) {
      const { revision, value } = seen ?? { revision: 0, value: null };
      sights.push({ by, revision, value, invokedMs, returnedMs });
    }
  }
  return sights;
}

function judgeKey(
  ops: readonly Observation[],
  attempts: ReadonlyMap<string, Observation>,
  found: string[],
): void {
  const writes = ops.filter(tookEffect);
  const sights = sightsOf(ops);
  const key = ops[0]?.key ?? '';
  for (const sight of sights) {
    const { by, revision, value } = sight;
    if (value !== null) {
      const writer = attempts.get(value);
      if (writer === undefined || writer.key !== key) {
        found.push(`${by}: value ${value} was never written there`);
        continue;
      }
      if (writer.status === 'fail') {
        found.push(`${by}: value ${value} belongs to a write that failed for certain`);
      }
      if (writer.status === 'ok' && !tookEffect(writer)) {
        found.push(`${by}: value ${value} belongs to a write whose condition was not met`);
      } else if (writer.status === 'ok' && writer.revision !== revision) {
        found.push(`${by}: revision ${revision}, its write was told ${writer.revision}`);
      }
      if (writer.invokedMs > sight.returnedMs) found.push(`${by}: read before it was written`);
    }
    for (const write of writes) {
      if (write.returnedMs > sight.invokedMs) continue;
      const deleted = revision === 0 && hasDeleteAfter(ops, write.revision);
      if (revision < write.revision && !deleted) {
        found.push(
          `${by}: stale, revision ${revision}, while ${write.kind} of revision ${write.revision} was acknowledged before`,
        );
      }
    }
  }
  judgeMonotonicSights(key, sights, ops, found);
}

/** An absent key carries no revision: any delete not ordered before `revision` may explain it. */
function hasDeleteAfter(ops: readonly Observation[], revision: number): boolean {
  return ops.some(
    (op) =>
      op.kind === 'delete' &&
      (op.status === 'unknown' || (tookEffect(op) && op.revision >= revision)),
  );
}

function judgeMonotonicSights(
  key: string,
  sights: readonly Sight[],
  ops: readonly Observation[],
  found: string[],
): void {
  const sorted = [...sights].sort((a, b) => a.returnedMs - b.returnedMs);
  let newest = 0;
  let next = 0;
  for (const sight of [...sights].sort((a, b) => a.invokedMs - b.invokedMs)) {
    while (next < sorted.length && (sorted[next] as Sight).returnedMs < sight.invokedMs) {
      newest = Math.max(newest, (sorted[next] as Sight).revision);
      next++;
    }
    const explained = sight.revision === 0 && hasDeleteAfter(ops, newest);
    if (sight.revision < newest && !explained) {
      found.push(`${sight.by}: revision ${sight.revision} of ${key} after ${newest} had been read`);
    }
  }
}

/**
 * A write acknowledged before another began has the smaller revision. One that changed nothing stands at
 * the revision that it was told, behind everything up to there.
 */
function judgeRealTime(history: readonly Observation[], found: string[]): void {
  const placed = history.filter(
    (op) => tookEffect(op) || (op.look !== undefined && op.revision > 0),
  );
  const byReturn = [...placed].sort((a, b) => a.returnedMs - b.returnedMs);
  let newest = 0;
  let next = 0;
  for (const op of [...placed].sort((a, b) => a.invokedMs - b.invokedMs)) {
    while (next < byReturn.length && (byReturn[next] as Observation).returnedMs < op.invokedMs) {
      newest = Math.max(newest, (byReturn[next] as Observation).revision);
      next++;
    }
    if (tookEffect(op) ? op.revision <= newest : op.revision < newest) {
      found.push(`revision ${op.revision} was given after ${newest} had been acknowledged`);
    }
  }
}
