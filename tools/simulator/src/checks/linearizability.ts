import { type Call, checkHistory, type Operation } from '@dougdb/tool-chaos';
import type { SimCluster } from '../cluster.js';
import type { Observation } from '../observation.js';

/** No write has it. */
const NEVER_THERE = '\u0000never there';

/** Judges what clients saw by nothing else than what they saw: is there an order that explains it? */
export function checkLinearizability(
  history: readonly Observation[],
  { partitioning, truth }: SimCluster,
): void {
  const valueAt = (key: string, revision: number): string => {
    const { versions } = truth.partition(partitioning.partitionOf(key)).model;
    return versions.of(key).find((v) => v.revision === revision)?.value ?? NEVER_THERE;
  };
  const operations = history.flatMap((op, at) => operationOf(op, at + 1, valueAt) ?? []);
  const { notLinearizable, undecided } = checkHistory({ operations, timeUnit: 'ns' });
  for (const key of notLinearizable) truth.report('linearizable', `no order explains key ${key}`);
  for (const key of undecided) truth.report('linearizable', `key ${key} is too hard to judge`);
}

function operationOf(
  op: Observation,
  line: number,
  valueAt: (key: string, revision: number) => string,
): Operation | null {
  const { kind, status, invokedMs, returnedMs, value, look, key } = op;
  // A read that failed says nothing.
  if (kind === 'get' && status !== 'ok') return null;
  const invoke = Math.round(invokedMs * 1_000);
  const isUnknown = status === 'unknown';
  const times = {
    invoke,
    return: isUnknown ? Number.POSITIVE_INFINITY : Math.round(returnedMs * 1_000),
  };
  const common = { line, process: `${op.client}.${line}`, status, ...times };
  if (kind === 'get') return { ...common, call: { op: 'get', key }, answer: { value } };
  const call = callOf(op, valueAt);
  if (status !== 'ok' || look === undefined) return { ...common, call, answer: {} };
  const { previous } = look;
  const prev =
    previous === undefined || (previous !== null && previous.value === null)
      ? {}
      : { prev: previous?.value ?? null };
  if (call.op === 'cas') {
    return { ...common, call, answer: { result: !look.compareFailed, ...prev } };
  }
  const existed =
    call.op === 'delete' && previous !== undefined ? { existed: previous !== null } : {};
  return { ...common, call, answer: { ...prev, ...existed } };
}

function callOf(
  { kind, key, value, look, wish }: Observation,
  valueAt: (key: string, revision: number) => string,
): Call {
  const condition = look ?? wish;
  const isDelete = kind === 'delete';
  if (condition?.ifAbsent)
    return { op: 'cas', key, expected: null, value: isDelete ? null : value };
  if (condition !== undefined && condition.ifRevision > 0) {
    const expected = valueAt(key, condition.ifRevision);
    return { op: 'cas', key, expected, value: isDelete ? null : value };
  }
  return isDelete ? { op: 'delete', key } : { op: 'put', key, value: value ?? '' };
}
