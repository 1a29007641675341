import { DougError } from '@dougdb/rpc-proto';
import { type Codec, decodeKey, decodeValue, type Key } from './codec.js';
import { CompareFailedError, type Current } from './compare-failed-error.js';
import type { LookedAnswer, Operation, ResultReader } from './engine/operation.js';
import type { DeleteResult, Look, Previous } from './writes.js';

/** A key without its value. */
export interface KeyEntry<K extends Key = string> {
  readonly key: K;
  /** The revision at which the key was last written. */
  readonly revision: number;
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
  ): GetResult<V, K> {
    const isNamed = this.#keysAreText && typeof op.name === 'string';
    const key = isNamed ? (op.name as K) : decodeKey(this.#codec, op.key);
    const value = decodeValue(this.#codec, bytes.subarray(start, end));
    return op.eventual ? { key, value, revision, ageMs } : { key, value, revision };
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
