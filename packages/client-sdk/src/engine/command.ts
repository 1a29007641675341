import { encodeDelete, encodePut } from '@dougdb/rpc-proto';
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
  return op.kind === 'put'
    ? encodePut(opId, op.key, op.value ?? noValue, op.look ?? undefined)
    : encodeDelete(opId, op.key, op.look ?? undefined);
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
