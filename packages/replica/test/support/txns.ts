import {
  type Compare,
  CompareRelation,
  DeleteRangeResult,
  encodeDeleteRange,
  encodeTxn,
  type KeyValue,
  type OpIdFields,
  TxnResult,
  type TxnStep,
  type TxnStepResult,
} from '@dougdb/rpc-proto';
import { bytesOf, textOf } from './commands.js';
import type { Answer } from './sink.js';

const relations = {
  '=': CompareRelation.COMPARE_RELATION_EQUAL,
  '!=': CompareRelation.COMPARE_RELATION_NOT_EQUAL,
  '<': CompareRelation.COMPARE_RELATION_LESS,
  '>': CompareRelation.COMPARE_RELATION_GREATER,
} as const;
export type Relation = keyof typeof relations;

/** A key, or a range [start, end); an empty end is none, so a range to the last key is not written so. */
type Where = string | readonly [string, string];

function compareOf(where: Where, relation: Relation, target: Compare['target']): Compare {
  const [key, end] = typeof where === 'string' ? [where, ''] : where;
  return { key: bytesOf(key), rangeEnd: bytesOf(end), relation: relations[relation], target };
}

export const revisionIs = (where: Where, relation: Relation, revision: number): Compare =>
  compareOf(where, relation, { $case: 'revision', value: revision });
export const valueIs = (where: Where, relation: Relation, value: string): Compare =>
  compareOf(where, relation, { $case: 'value', value: bytesOf(value) });
export const exists = (where: Where, isThere = true): Compare =>
  compareOf(where, '=', { $case: 'exists', value: isThere });

export const putStep = (
  key: string,
  value: string,
  more: { returnPrevious?: boolean; ttlMs?: number } = {},
): TxnStep => ({
  step: {
    $case: 'put',
    value: { key: bytesOf(key), value: bytesOf(value), ttlMs: 0, returnPrevious: false, ...more },
  },
});
export const deleteStep = (key: string, returnPrevious = false): TxnStep => ({
  step: { $case: 'delete', value: { key: bytesOf(key), returnPrevious } },
});
export const getStep = (key: string): TxnStep => ({
  step: { $case: 'get', value: { key: bytesOf(key) } },
});
export const scanStep = (
  start: string,
  end: string,
  more: { limit?: number; reverse?: boolean; keysOnly?: boolean } = {},
): TxnStep => ({
  step: {
    $case: 'scan',
    value: {
      ...{ start: bytesOf(start), end: bytesOf(end) },
      ...{ limit: 0, reverse: false, keysOnly: false },
      ...more,
    },
  },
});
export const deleteRangeStep = (start: string, end: string): TxnStep => ({
  step: { $case: 'deleteRange', value: { start: bytesOf(start), end: bytesOf(end) } },
});

export interface TxnParts {
  readonly if?: Compare[];
  readonly success?: TxnStep[];
  readonly failure?: TxnStep[];
}

export function txn(parts: TxnParts, id: OpIdFields | null = null): Uint8Array {
  const { if: compares = [], success = [], failure = [] } = parts;
  return encodeTxn(id, { compares, success, failure });
}

export function deleteRange(
  start: string,
  end: string,
  limit = 0,
  id: OpIdFields | null = null,
): Uint8Array {
  return encodeDeleteRange(id, { start: bytesOf(start), end: bytesOf(end), limit });
}

/** 'then 3: put, get a=1@2, deleted 4', or what brief() says of a failure: short enough for expectations. */
export function briefTxn(answer: Answer): string {
  if (answer.kind === 'failed') return `${answer.error.reason} ${answer.error.outcome}`;
  if (answer.kind !== 'looked') return answer.kind;
  const { revision, compareFailed, resultNotKept, result } = answer.write;
  const head = `${compareFailed ? 'else' : 'then'} ${revision}`;
  if (resultNotKept) return `${head} not kept`;
  const { succeeded, steps } = TxnResult.decode(result ?? new Uint8Array(0));
  if (succeeded === compareFailed) throw new Error('compareFailed contradicts the result');
  return [head, steps.map(briefStep).join(', ')].filter((part) => part !== '').join(': ');
}

/** 'deleted 3 at 7, next c'. */
export function briefDeletion(answer: Answer): string {
  if (answer.kind === 'failed') return `${answer.error.reason} ${answer.error.outcome}`;
  if (answer.kind !== 'looked') return answer.kind;
  const { revision, resultNotKept, result } = answer.write;
  if (resultNotKept) return `deleted at ${revision}, not kept`;
  const { deleted, resumeKey } = DeleteRangeResult.decode(result ?? new Uint8Array(0));
  const next = resumeKey === undefined ? '' : `, next ${textOf(resumeKey)}`;
  return `deleted ${deleted} at ${revision}${next}`;
}

function briefStep({ result }: TxnStepResult): string {
  switch (result?.$case) {
    case 'put':
      return `put${was(result.value.previous)}`;
    case 'delete':
      return `${result.value.existed ? 'deleted' : 'nothing deleted'}${was(result.value.previous)}`;
    case 'get':
      return `get ${pair(result.value.kv)}`;
    case 'scan': {
      const { kvs, more } = result.value;
      return `scan [${kvs.map(pair).join(' ')}${more ? ' ...' : ''}]`;
    }
    case 'deleteRange':
      return `deleted ${result.value.deleted}`;
    case undefined:
      return 'empty';
  }
}

const was = (kv: KeyValue | undefined): string => (kv === undefined ? '' : ` was ${pair(kv)}`);

function pair(kv: KeyValue | undefined): string {
  return kv === undefined ? 'nothing' : `${textOf(kv.key)}=${textOf(kv.value)}@${kv.revision}`;
}
