/** One finished or abandoned operation of a client, in global virtual time. */
export interface Observation {
  readonly client: number;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  /** put: the unique value written; get: the value read, null when absent. */
  readonly value: string | null;
  /** Revision answered; 0 for a get that found nothing. */
  readonly revision: number;
  readonly invokedMs: number;
  readonly returnedMs: number;
  readonly status: 'ok' | 'fail' | 'unknown';
}

/**
 * Judges a history of one partition by the revisions that it answered: they are claimed to be the one
 * order of all writes. Linear time, no search. Sound: whatever it reports is a violation; what it
 * cannot see (an unknown write that nobody read) it does not judge.
 */
export function violations(history: readonly Observation[]): string[] {
  const found: string[] = [];
  const byRevision = new Map<number, Observation>();
  const attempts = new Map<string, Observation>();
  for (const op of history) {
    if (op.kind === 'put') attempts.set(op.value as string, op);
    if (op.kind === 'get' || op.status !== 'ok') continue;
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
  judgeRealTimeOfWrites(history, found);
  return found;
}

/** INVARIANT(applied-once): a written value is unique, so it is only ever seen at one revision. */
function judgeAppliedOnce(history: readonly Observation[], found: string[]): void {
  const seenAt = new Map<string, number>();
  for (const op of history) {
    if (op.status !== 'ok' || op.value === null) continue;
    const before = seenAt.get(op.value);
    if (before !== undefined && before !== op.revision) {
      found.push(`value ${op.value} was seen at revision ${before} and at ${op.revision}`);
    }
    seenAt.set(op.value, op.revision);
  }
}

function judgeKey(
  ops: readonly Observation[],
  attempts: ReadonlyMap<string, Observation>,
  found: string[],
): void {
  const writes = ops.filter((op) => op.kind !== 'get' && op.status === 'ok');
  const reads = ops.filter((op) => op.kind === 'get' && op.status === 'ok');
  for (const read of reads) {
    const where = `get ${read.key} at ${read.invokedMs} by client ${read.client}`;
    if (read.value !== null) {
      const writer = attempts.get(read.value);
      if (writer === undefined || writer.key !== read.key) {
        found.push(`${where}: value ${read.value} was never written there`);
        continue;
      }
      if (writer.status === 'fail') {
        found.push(`${where}: value ${read.value} belongs to a write that failed for certain`);
      }
      if (writer.status === 'ok' && writer.revision !== read.revision) {
        found.push(`${where}: revision ${read.revision}, its write was told ${writer.revision}`);
      }
      if (writer.invokedMs > read.returnedMs) found.push(`${where}: read before it was written`);
    }
    for (const write of writes) {
      if (write.returnedMs > read.invokedMs) continue;
      const deleted = read.value === null && hasDeleteAfter(ops, write.revision);
      if (read.revision < write.revision && !deleted) {
        found.push(
          `${where}: stale, revision ${read.revision}, while ${write.kind} of revision ${write.revision} was acknowledged before`,
        );
      }
    }
  }
  judgeMonotonicReads(reads, ops, found);
}

/** An absent read carries no revision: any delete not ordered before `revision` may explain it. */
function hasDeleteAfter(ops: readonly Observation[], revision: number): boolean {
  return ops.some(
    (op) =>
      op.kind === 'delete' &&
      op.status !== 'fail' &&
      (op.status === 'unknown' || op.revision >= revision),
  );
}

function judgeMonotonicReads(
  reads: readonly Observation[],
  ops: readonly Observation[],
  found: string[],
): void {
  const sorted = [...reads].sort((a, b) => a.returnedMs - b.returnedMs);
  let newest = 0;
  let next = 0;
  for (const read of [...reads].sort((a, b) => a.invokedMs - b.invokedMs)) {
    while (next < sorted.length && (sorted[next] as Observation).returnedMs < read.invokedMs) {
      newest = Math.max(newest, (sorted[next] as Observation).revision);
      next++;
    }
    const explained = read.value === null && hasDeleteAfter(ops, newest);
    if (read.revision < newest && !explained) {
      found.push(`get ${read.key}: revision ${read.revision} after ${newest} had been read`);
    }
  }
}

/** A write acknowledged before another began has the smaller revision. */
function judgeRealTimeOfWrites(history: readonly Observation[], found: string[]): void {
  const writes = history.filter((op) => op.kind !== 'get' && op.status === 'ok');
  const byReturn = [...writes].sort((a, b) => a.returnedMs - b.returnedMs);
  let newest = 0;
  let next = 0;
  for (const write of [...writes].sort((a, b) => a.invokedMs - b.invokedMs)) {
    while (next < byReturn.length && (byReturn[next] as Observation).returnedMs < write.invokedMs) {
      newest = Math.max(newest, (byReturn[next] as Observation).revision);
      next++;
    }
    if (write.revision <= newest) {
      found.push(`revision ${write.revision} was given after ${newest} had been acknowledged`);
    }
  }
}
