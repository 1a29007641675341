import { type Look, type Observation, type Previous, tookEffect } from './observation.js';

/**
 * Judges the writes that looked first: each decided as its condition says about what it found, and
 * found what the writes before it in the order of the revisions had left.
 */
export function judgeLooks(history: readonly Observation[], found: string[]): void {
  const effects = history.filter(tookEffect);
  const byRevision = new Map(effects.map((op) => [op.revision, op]));
  const keys = new Map<string, Observation[]>();
  for (const op of history) {
    if (op.kind === 'get') continue;
    const list = keys.get(op.key) ?? [];
    list.push(op);
    keys.set(op.key, list);
  }
  for (const op of history) {
    if (op.look === undefined || op.status !== 'ok') continue;
    judgeDecision(op, op.look, found);
    const previous = foundBy(op.look);
    if (previous === undefined) continue;
    judgeSource(op, previous, byRevision, found);
    judgePlace(op, previous, keys.get(op.key) ?? [], found);
  }
}

/** What was at the key, told or implied by the condition that was met; undefined: not known. */
export function foundBy(look: Look): Previous | null | undefined {
  if (look.previous !== undefined || look.compareFailed) return look.previous;
  if (look.ifAbsent) return null;
  return look.ifRevision === 0 ? undefined : { revision: look.ifRevision, value: null };
}

function judgeDecision(op: Observation, look: Look, found: string[]): void {
  if (look.previous === undefined) return;
  const revision = look.previous?.revision ?? 0;
  const isMet = look.ifAbsent
    ? revision === 0
    : look.ifRevision === 0 || look.ifRevision === revision;
  if (isMet === !look.compareFailed) return;
  const condition = look.ifAbsent ? 'absent' : `at ${look.ifRevision}`;
  found.push(
    `${nameOf(op)}: condition '${condition}' with ${revision} there, and compareFailed ${look.compareFailed}`,
  );
}

/** The write that it says was there is one of this key. */
function judgeSource(
  op: Observation,
  previous: Previous | null,
  byRevision: ReadonlyMap<number, Observation>,
  found: string[],
): void {
  const writer = previous === null ? undefined : byRevision.get(previous.revision);
  if (writer === undefined) return;
  if (writer.key !== op.key || writer.kind !== 'put') {
    found.push(
      `${nameOf(op)}: found revision ${writer.revision}, which is a ${writer.kind} of ${writer.key}`,
    );
  }
}

/** No write of the key lies between what it found and its own place in the order. */
function judgePlace(
  op: Observation,
  previous: Previous | null,
  ofKey: readonly Observation[],
  found: string[],
): void {
  // It saw everything up to this revision and nothing above.
  const seen = tookEffect(op) ? op.revision - 1 : op.revision;
  if (seen <= 0) return;
  const from = previous?.revision ?? 0;
  if (from > seen) found.push(`${nameOf(op)}: found revision ${from} from the future of ${seen}`);
  for (const write of ofKey) {
    if (!tookEffect(write) || write.revision <= from || write.revision > seen) continue;
    if (previous === null && (write.kind === 'delete' || isDeletedAfter(write, seen, ofKey))) {
      continue;
    }
    found.push(
      `${nameOf(op)}: found revision ${from}, but ${write.kind} of revision ${write.revision} lies between`,
    );
  }
}

function isDeletedAfter(write: Observation, until: number, ofKey: readonly Observation[]): boolean {
  return ofKey.some((op) => {
    if (op.kind !== 'delete') return false;
    if (op.status === 'unknown') return true;
    return tookEffect(op) && op.revision > write.revision && op.revision <= until;
  });
}

function nameOf(op: Observation): string {
  return `${op.kind} ${op.key} of revision ${op.revision} at ${op.invokedMs} by client ${op.client}`;
}
