import type { Observation } from '../observation.js';
import { tookEffect } from '../observation.js';
import type { KeyVersions } from '../truth/key-versions.js';
import type { Truth } from '../truth/truth.js';

/** Whose log an answer is checked against. */
export interface Place {
  readonly truth: Truth;
  readonly partitionId: number;
}

/** A key as a client saw it; null: it was not there. */
export type Sight = { readonly value: string | null; readonly revision: number } | null;

/**
 * Why nobody can have seen this between two revisions of a partition, both included; null: one of them shows
 * it. A value of null is not compared.
 */
export function explainSight(
  versions: KeyVersions,
  key: string,
  sight: Sight,
  least: number,
  most: number,
): string | null {
  const all = versions.of(key);
  if (sight === null) {
    if (versions.at(key, least) === null) return null;
    const isRemoved = all.some((v) => v.value === null && v.revision > least && v.revision <= most);
    return isRemoved ? null : `${key} was there from revision ${least} to ${most}`;
  }
  const { value, revision } = sight;
  const at = all.findIndex((version) => version.revision === revision);
  const version = all[at];
  if (version === undefined || version.value === null) {
    return `${key} was not written at revision ${revision}`;
  }
  if (value !== null && version.value !== value) {
    return `${key} at revision ${revision} is ${version.value}, not ${value}`;
  }
  if (revision > most) return `revision ${revision} of ${key}, seen at ${most}`;
  const next = all[at + 1];
  if (next !== undefined && next.revision <= least) {
    return `revision ${revision} of ${key}, replaced by ${next.revision}, seen after ${least}`;
  }
  return null;
}

/** A linearizable read has seen everything that anybody was told before it began. */
export function checkRead({ truth, partitionId }: Place, op: Observation): void {
  const { model, acked } = truth.partition(partitionId);
  const { key, value, revision, invokedMs, returnedMs } = op;
  const sight = value === null ? null : { value, revision };
  const why = explainSight(model.versions, key, sight, acked.before(invokedMs), model.revision);
  if (why !== null) truth.report('read-linearizable', `get by client ${op.client}: ${why}`);
  acked.tell(returnedMs, revision);
}

/** What a write was told is what its log says, and it came after everything that had been told before. */
export function checkWrite({ truth, partitionId }: Place, op: Observation): void {
  const partition = truth.partition(partitionId);
  const { model, acked } = partition;
  const { kind, key, value, revision, invokedMs, returnedMs, look } = op;
  const by = `${kind} ${key} by client ${op.client}`;
  const before = acked.before(invokedMs);
  if (tookEffect(op)) {
    const is = model.versions.of(key).find((version) => version.revision === revision);
    if (is === undefined || is.value !== value) {
      truth.report('acked-in-log', `${by}: its log has ${is?.value} at revision ${revision}`);
    }
    if (revision <= before) truth.report('acked-in-order', `${by}: ${revision} after ${before}`);
    const previous = look?.previous;
    if (previous !== undefined) {
      const there = model.versions.at(key, revision - 1);
      const isRight = previous === null ? there === null : previous.revision === there?.revision;
      if (!isRight) truth.report('look-at-place', `${by}: found ${JSON.stringify(previous)}`);
    }
  } else {
    // Where in the order it stood, the SDK does not tell.
    const [least, most] = revision === 0 ? [before, model.revision] : [revision, revision];
    const previous = look?.previous;
    const why =
      previous === undefined ? null : explainSight(model.versions, key, previous, least, most);
    if (why !== null) truth.report('look-at-place', `${by}: ${why}`);
    if (value !== null && partition.writtenAt(value) !== undefined) {
      truth.report('refused-in-log', `${by}: ${value} was written although its condition failed`);
    }
  }
  acked.tell(returnedMs, revision);
}

/** INVARIANT(outcome-of-all-attempts): what was said never to take effect must not be in the log, for ever. */
export function neverWritten(
  { truth, partitionId }: Place,
  { key, value, client }: Observation,
): void {
  if (value === null) return;
  truth.atEnd(() => {
    const revision = truth.partition(partitionId).writtenAt(value);
    if (revision === undefined) return;
    truth.report('not-applied', `put ${key} by client ${client}: ${value} is at ${revision}`);
  });
}
