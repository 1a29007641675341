import { encodeDelete, encodeDeleteRange, encodePut, encodeTxn } from '@dougdb/rpc-proto';
import type { Look } from '../writes.js';
import type { LookedAnswer, Operation } from './operation.js';

const noValue = new Uint8Array(0);

/** The Command of a write, under its identity. */
export function encodeCommand(op: Operation): Uint8Array {
  const { session } = op;
  const opId =
    session === null
      ? null
      : {
          session: session.id,
          startedAt: session.startedAt,
          seq: op.seq,
          firstIncomplete: session.firstIncomplete,
        };
  const { body, look, ttlMs } = op;
  if (body !== null) {
    return body.kind === 'txn'
      ? encodeTxn(opId, body.txn)
      : encodeDeleteRange(opId, body.deleteRange);
  }
  if (op.kind === 'delete') return encodeDelete(opId, op.key, look ?? undefined);
  const conditions = ttlMs === 0 ? (look ?? undefined) : { ...look, ttlMs };
  return encodePut(opId, op.key, op.value ?? noValue, conditions);
}

/** Whether a condition can have been judged so: else the answer means nothing, least of all success. */
export function isPossible(look: Look, answer: LookedAnswer): boolean {
  const { compareFailed, previousRevision, resultKept } = answer;
  const isConditional = look.ifAbsent || look.ifRevision > 0;
  if (!isConditional) return !compareFailed;
  if (!resultKept) return true;
  const isMet = look.ifAbsent ? previousRevision === 0 : previousRevision === look.ifRevision;
  return isMet !== compareFailed;
}
