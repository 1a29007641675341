import { decodeWhole, type MessageDecoder, refuseUnknownFields } from './decode-request.js';
import { DougError } from './doug-error.js';
import {
  Command,
  CompactOperation,
  type Compare,
  CompareRelation,
  DeleteRangeOperation,
  ExpireOperation,
  type OpId,
  TxnOperation,
  type TxnStep,
} from './gen/dougdb/v1/types.js';
import { type LimitTable, MAX_TTL_MS } from './limits.js';

/** A command that is more than one put or delete. */
export type CommandBody = { readonly firstKey: Uint8Array | null } & (
  | { readonly kind: 'txn'; readonly txn: TxnOperation }
  | { readonly kind: 'delete-range'; readonly deleteRange: DeleteRangeOperation }
  | { readonly kind: 'expire'; readonly expire: ExpireOperation }
  | { readonly kind: 'compact'; readonly compact: CompactOperation }
);

/** A single key: `end` is null. Else [start, end); an empty end: to the last key. */
export type VisitRange = (start: Uint8Array, end: Uint8Array | null) => void;

/** Every key and range that a command of several keys names, also those of the list that is not carried out. */
export function forEachRange(body: CommandBody, visit: VisitRange): void {
  switch (body.kind) {
    case 'txn':
      for (const compare of body.txn.compares) {
        visit(compare.key, compare.rangeEnd.length === 0 ? null : compare.rangeEnd);
      }
      for (const step of body.txn.success) visitStep(step, visit);
      for (const step of body.txn.failure) visitStep(step, visit);
      break;
    case 'delete-range':
      visit(body.deleteRange.start, body.deleteRange.end);
      break;
    case 'expire':
      for (const { key } of body.expire.keys) visit(key, null);
      break;
    case 'compact':
      break;
  }
}

function visitStep({ step }: TxnStep, visit: VisitRange): void {
  if (step === undefined) return;
  if (step.$case === 'scan' || step.$case === 'deleteRange') {
    visit(step.value.start, step.value.end);
  } else {
    visit(step.value.key, null);
  }
}

/** Encodes a transaction as a Command. @param opId - null: without exactly-once; it is never sent twice */
export function encodeTxn(opId: OpId | null, txn: TxnOperation): Uint8Array {
  return encodeOperation(opId, { $case: 'txn', value: txn });
}

/** Encodes one chunk of a delete of a range; see {@link encodeTxn}. */
export function encodeDeleteRange(
  opId: OpId | null,
  deleteRange: DeleteRangeOperation,
): Uint8Array {
  return encodeOperation(opId, { $case: 'deleteRange', value: deleteRange });
}

/** Encodes what a leader proposes by itself: an expiry or a compaction. It has no op id. */
export function encodeInternal(
  operation: Extract<Command['operation'], { $case: 'expire' | 'compact' }>,
): Uint8Array {
  return encodeOperation(null, operation);
}

function encodeOperation(opId: OpId | null, operation: Command['operation']): Uint8Array {
  return Command.encode({ opId: opId ?? undefined, operation }).finish();
}

/**
 * Reads the operation of a Command and checks everything about it that needs no state. It must be encoded
 * as the generated code does (fields in the order of their numbers, defaults left out): so two versions
 * cannot understand it differently.
 * @throws DougError INVALID_ARGUMENT
 */
export function readBody(
  kind: CommandBody['kind'],
  bytes: Uint8Array,
  table: LimitTable,
): CommandBody {
  switch (kind) {
    case 'txn':
      return checkTxn(decodeCanonical(TxnOperation, bytes), table);
    case 'delete-range': {
      const deleteRange = decodeCanonical(DeleteRangeOperation, bytes);
      checkRange(deleteRange.start, deleteRange.end, table);
      checkCount('keys', deleteRange.limit, table.commandKeys);
      return { kind, deleteRange, firstKey: deleteRange.start };
    }
    case 'expire': {
      const expire = decodeCanonical(ExpireOperation, bytes);
      checkCount('keys', expire.keys.length, table.commandKeys);
      if (expire.keys.length === 0) refuse('an expiry of nothing');
      for (const { key } of expire.keys) checkKey(key, table);
      return { kind, expire, firstKey: expire.keys[0]!.key };
    }
    case 'compact':
      return { kind, compact: decodeCanonical(CompactOperation, bytes), firstKey: null };
  }
}

interface Codec<T> extends MessageDecoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

function decodeCanonical<T extends object>(codec: Codec<T>, bytes: Uint8Array): T {
  let message: T;
  try {
    message = decodeWhole(codec, bytes);
  } catch (error) {
    throw new DougError('INVALID_ARGUMENT', 'malformed command', { cause: error });
  }
  // INVARIANT(known-fields): what one version skips and another one applies would make replicas differ.
  refuseUnknownFields(message);
  const again = codec.encode(message).finish();
  if (!isSame(again, bytes)) {
    refuse('a command with repeated fields, written defaults or fields out of order');
  }
  return message;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function checkTxn(txn: TxnOperation, table: LimitTable): CommandBody {
  const { compares, success, failure } = txn;
  for (const list of [compares, success, failure]) {
    checkCount('operations in a list of a transaction', list.length, table.txnOps);
  }
  for (const compare of compares) checkCompare(compare, table);
  for (const step of success) checkStep(step, table);
  for (const step of failure) checkStep(step, table);
  let firstKey: Uint8Array | null = null;
  forEachRange({ kind: 'txn', txn, firstKey: null }, (start) => {
    firstKey ??= start;
  });
  if (firstKey === null) refuse('a transaction of nothing');
  return { kind: 'txn', txn, firstKey };
}

function checkCompare({ key, rangeEnd, relation, target }: Compare, table: LimitTable): void {
  checkKey(key, table);
  if (rangeEnd.length > 0) checkRange(key, rangeEnd, table);
  if (
    relation < CompareRelation.COMPARE_RELATION_EQUAL ||
    relation > CompareRelation.COMPARE_RELATION_GREATER
  ) {
    refuse(`unknown relation ${relation} in a compare`);
  }
  if (target === undefined) refuse('a compare with nothing');
  if (target.$case === 'value') checkValue(target.value, table);
  const isOrder = relation > CompareRelation.COMPARE_RELATION_NOT_EQUAL;
  if (target.$case === 'exists' && isOrder) refuse('existence can be equal or not, no more');
}

function checkStep({ step }: TxnStep, table: LimitTable): void {
  switch (step?.$case) {
    case 'put':
      checkKey(step.value.key, table);
      checkValue(step.value.value, table);
      checkTtl(step.value.ttlMs);
      break;
    case 'delete':
    case 'get':
      checkKey(step.value.key, table);
      break;
    case 'scan':
      checkRange(step.value.start, step.value.end, table);
      checkCount('keys', step.value.limit, table.commandKeys);
      break;
    case 'deleteRange':
      checkRange(step.value.start, step.value.end, table);
      break;
    case undefined:
      refuse('an empty step in a transaction');
  }
}

/** @throws DougError INVALID_ARGUMENT */
export function checkTtl(ttlMs: number): void {
  if (ttlMs > MAX_TTL_MS) refuse(`a time to live of ${ttlMs} ms is over ${MAX_TTL_MS}`);
}

/** A range of a command has an end of its own or goes to the last key; its start may be the first key of all. */
function checkRange(start: Uint8Array, end: Uint8Array, table: LimitTable): void {
  if (start.length > table.keyBytes || end.length > table.keyBytes) {
    refuse(`a bound is longer than a key of ${table.keyBytes} bytes`);
  }
  if (end.length > 0 && compareBytes(start, end) > 0) {
    refuse('the start of a range lies behind its end');
  }
}

function checkKey(key: Uint8Array, table: LimitTable): void {
  if (key.length === 0) refuse('empty key');
  if (key.length > table.keyBytes) {
    refuse(`key of ${key.length} bytes is over the limit of ${table.keyBytes}`);
  }
}

function checkValue(value: Uint8Array, table: LimitTable): void {
  if (value.length > table.valueBytes) {
    refuse(`value of ${value.length} bytes is over the limit of ${table.valueBytes}`);
  }
}

function checkCount(what: string, count: number, most: number): void {
  if (count > most) refuse(`${count} ${what} are over the limit of ${most}`);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function refuse(what: string): never {
  throw new DougError('INVALID_ARGUMENT', what);
}
