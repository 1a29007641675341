import { Consistency, type DeleteRangeResult, DougError } from '@dougdb/rpc-proto';
import { type Codec, decodeKey, decodeValue, type Key } from './codec.js';
import { CompareFailedError, type Current } from './compare-failed-error.js';
import type { BodyResult } from './engine/body.js';
import type { LookedAnswer, Operation, ResultReader } from './engine/operation.js';
import { dateMsOf } from './log-time.js';
import { decodeResults } from './txn/decode.js';
import type { DeleteResult, Look, Previous } from './writes.js';

/** A key without its value. */
export interface KeyEntry<K extends Key = string> {
  readonly key: K;
  /** The revision at which the key was last written. */
  readonly revision: number;
  /**
   * Of a key with a time to live: when it goes, in milliseconds since 1970, by the clock of the partition's leaders.
   * It is there until the partition has removed it, which may be a little later.
   */
  readonly expiresAt?: number;
}

/** A key and its value. */
export interface Entry<V = string, K extends Key = string> extends KeyEntry<K> {
  readonly value: V;
}

/** What a get answers. */
export interface GetResult<V = string, K extends Key = string> extends Entry<V, K> {
  /**
   * Of an eventual read: how old the replica's state may be, estimated from when it last heard a leader.
   */
  readonly ageMs?: number;
}

/** What one chunk of a delete of a range answers. */
export interface DeletedChunk {
  readonly revision: number;
  /** Null: it took effect, and how far it came is not known any more. */
  readonly result: DeleteRangeResult | null;
}

/** Makes the results of a client with this codec. */
export class CodecReader<V, K extends Key> implements ResultReader {
  readonly #codec: Codec<V, K>;
  readonly #keysAreText: boolean;

  constructor(codec: Codec<V, K>) {
    this.#codec = codec;
    this.#keysAreText = codec.keys !== 'bytes';
  }

  /** @throws DougError DECODE */
  found(
    op: Operation,
    bytes: Uint8Array,
    start: number,
    end: number,
    revision: number,
    ageMs: number,
    expiresAt: number,
  ): GetResult<V, K> {
    const isNamed = this.#keysAreText && typeof op.name === 'string';
    const key = isNamed ? (op.name as K) : decodeKey(this.#codec, op.key);
    const value = decodeValue(this.#codec, bytes.subarray(start, end));
    const isEventual = op.level.consistency === Consistency.CONSISTENCY_EVENTUAL;
    const hit = isEventual ? { key, value, revision, ageMs } : { key, value, revision };
    return expiresAt === 0 ? hit : { ...hit, expiresAt: dateMsOf(expiresAt) };
  }

  /** @throws CompareFailedError; DougError DECODE, outcome UNKNOWN, of a write that took effect */
  looked(
    op: Operation,
    look: Look,
    answer: LookedAnswer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): DeleteResult<V> {
    const value = bytes.subarray(start, end);
    if (answer.compareFailed) throw this.#compareFailed(look, answer, value);
    const { revision, previousRevision, resultKept } = answer;
    if (!look.returnPrevious && !look.returnExisted) return { revision };
    if (!resultKept) return { revision, resultKept };
    const existed = previousRevision > 0;
    if (!look.returnPrevious) return { revision, existed };
    const previous = existed ? this.#previous(op, answer, value) : null;
    return look.returnExisted ? { revision, previous, existed } : { revision, previous };
  }

  /** @throws DougError DECODE, outcome UNKNOWN, of a transaction that was carried out */
  carriedOut(op: Operation, answer: LookedAnswer, result: BodyResult | null): unknown {
    const { revision, compareFailed } = answer;
    if (op.body?.kind !== 'txn') {
      const chunk: DeletedChunk = {
        revision,
        result: result?.kind === 'delete-range' ? result.result : null,
      };
      return chunk;
    }
    const succeeded = !compareFailed;
    if (result?.kind !== 'txn') return { succeeded, revision, resultKept: false };
    const { success, failure } = op.body.txn;
    const results = decodeResults(this.#codec, succeeded ? success : failure, result.result);
    return { succeeded, revision, results };
  }

  #previous(op: Operation, answer: LookedAnswer, bytes: Uint8Array): Previous<V> {
    try {
      return { value: decodeValue(this.#codec, bytes), revision: answer.previousRevision };
    } catch (error) {
      // The default of the code, NOT_APPLIED, would be a lie.
      throw new DougError(
        'DECODE',
        `the ${op.kind} took effect at revision ${answer.revision}, but the codec refused the value that was there before`,
        { outcome: 'UNKNOWN', cause: DougError.from(error).cause },
      );
    }
  }

  #compareFailed(look: Look, answer: LookedAnswer, bytes: Uint8Array): CompareFailedError<V> {
    const { previousRevision: revision, resultKept } = answer;
    if (!resultKept) return new CompareFailedError<V>(undefined);
    if (revision === 0) return new CompareFailedError<V>(null);
    if (!look.returnPrevious) return new CompareFailedError<V>({ revision });
    let current: Current<V>;
    try {
      current = { revision, value: decodeValue(this.#codec, bytes) };
    } catch (error) {
      // That the condition failed is what counts.
      return new CompareFailedError<V>({ revision }, error);
    }
    return new CompareFailedError<V>(current);
  }
}
