import {
  CompareRelation,
  checkTtl,
  DougError,
  limits,
  type TxnOperation,
  type Compare as WireCompare,
  type TxnStep as WireStep,
} from '@dougdb/rpc-proto';
import { bytesCodec, type Codec, encodeKey, encodeValue, type Key } from '../codec.js';
import { byteRange } from '../ranges.js';
import type { Compare, Relation, Txn, TxnStep } from './steps.js';

/** What the cluster takes. */
export interface SizeLimits {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const relations: Readonly<Record<Relation, CompareRelation>> = {
  equal: CompareRelation.COMPARE_RELATION_EQUAL,
  notEqual: CompareRelation.COMPARE_RELATION_NOT_EQUAL,
  less: CompareRelation.COMPARE_RELATION_LESS,
  greater: CompareRelation.COMPARE_RELATION_GREATER,
};

/**
 * A transaction as the wire has it, with everything checked that can be checked here.
 * @throws DougError INVALID_ARGUMENT
 */
export function encodeTransaction<V, K extends Key>(
  txn: Txn<V>,
  codec: Codec<V, K>,
  sizes: SizeLimits,
): TxnOperation {
  checkFields('a transaction', txn, ['if', 'then', 'else']);
  const encoder = new TxnEncoder(codec, sizes);
  const compares = listOf('if', txn.if).flatMap((compare) => encoder.compare(compare));
  const success = listOf('then', txn.then).map((step) => encoder.step(step));
  const failure = listOf('else', txn.else).map((step) => encoder.step(step));
  for (const list of [compares, success, failure]) {
    if (list.length > limits.txnOps) {
      throw invalid(`${list.length} in a list are over the limit of ${limits.txnOps}`);
    }
  }
  if (compares.length + success.length + failure.length === 0) {
    throw invalid('there is nothing in it');
  }
  return { compares, success, failure };
}

class TxnEncoder<V, K extends Key> {
  readonly #codec: Codec<V, K>;
  readonly #sizes: SizeLimits;

  constructor(codec: Codec<V, K>, sizes: SizeLimits) {
    this.#codec = codec;
    this.#sizes = sizes;
  }

  /** One condition; of a range without an end two. */
  compare(compare: Compare<V>): WireCompare[] {
    checkFields('a compare', compare, compareFields);
    const is = compare.is ?? 'equal';
    if (!Object.hasOwn(relations, is)) throw invalid(`there is no relation '${String(is)}'`);
    const relation = relations[is];
    const target = this.#target(compare);
    if (target.$case === 'exists' && is !== 'equal' && is !== 'notEqual') {
      throw invalid('existence can be equal or not, no more');
    }
    if ('key' in compare) {
      if ('prefix' in compare || 'start' in compare || 'end' in compare) {
        throw invalid('a compare has a key or a range, not both');
      }
      return [{ key: this.#key(compare.key), rangeEnd: nothing, relation, target }];
    }
    const range = byteRange(compare);
    // No key is empty, and an empty one would not be taken for the first.
    const key = range.start.length === 0 ? Uint8Array.of(0) : range.start;
    this.#checkBound(key);
    this.#checkBound(range.end);
    if (range.end.length === 0) throw invalid('a range of a compare needs an end');
    return [{ key, rangeEnd: range.end, relation, target }];
  }

  step(step: TxnStep<V>): WireStep {
    const kind = stepKinds.find((name) => Object.hasOwn(Object(step), name));
    if (kind === undefined) throw invalid(`a step is one of ${stepKinds.join(', ')}`);
    checkFields('a step', step, stepFields[kind]);
    if ('put' in step) {
      const { ttlMs = 0, returnPrevious } = step;
      checkTtlMs(ttlMs);
      const key = this.#key(step.put);
      const value = this.#value(step.value);
      const returns = checkFlag('returnPrevious', returnPrevious);
      return wire({ $case: 'put', value: { key, value, ttlMs, returnPrevious: returns } });
    }
    if ('delete' in step) {
      const key = this.#key(step.delete);
      const returnPrevious = checkFlag('returnPrevious', step.returnPrevious);
      return wire({ $case: 'delete', value: { key, returnPrevious } });
    }
    if ('get' in step) return wire({ $case: 'get', value: { key: this.#key(step.get) } });
    if ('scan' in step) return this.#scan(step.scan);
    checkFields('deleteRange', step.deleteRange, rangeFields);
    return wire({ $case: 'deleteRange', value: this.#range(step.deleteRange) });
  }

  #scan(scan: Extract<TxnStep<V>, { scan: unknown }>['scan']): WireStep {
    checkFields('scan', scan, [...rangeFields, 'limit', 'reverse', 'keysOnly']);
    const { limit = 0, reverse, keysOnly } = scan;
    if (!Number.isSafeInteger(limit) || limit < 0 || limit > limits.commandKeys) {
      throw invalid(`limit must be an integer from 0 to ${limits.commandKeys}, not ${limit}`);
    }
    return wire({
      $case: 'scan',
      value: {
        ...this.#range(scan),
        limit,
        reverse: checkFlag('reverse', reverse),
        keysOnly: checkFlag('keysOnly', keysOnly),
      },
    });
  }

  #target(compare: Compare<V>): NonNullable<WireCompare['target']> {
    const named = targets.filter((name) => Object.hasOwn(compare, name));
    if (named.length !== 1) throw invalid(`a compare has one of ${targets.join(', ')}`);
    if ('revision' in compare) {
      const { revision } = compare;
      if (!Number.isSafeInteger(revision) || revision < 0) {
        throw invalid(`revision must be an integer of at least 0, not ${String(revision)}`);
      }
      return { $case: 'revision', value: revision };
    }
    if ('exists' in compare) {
      return { $case: 'exists', value: checkFlag('exists', compare.exists) };
    }
    if ('valueBytes' in compare) {
      return { $case: 'value', value: encodeValue(bytesCodec, compare.valueBytes) };
    }
    return { $case: 'value', value: this.#value(compare.value) };
  }

  #range(range: Parameters<typeof byteRange>[0]): { start: Uint8Array; end: Uint8Array } {
    const { start, end } = byteRange(range);
    this.#checkBound(start);
    this.#checkBound(end);
    return { start, end };
  }

  #key(key: Key): Uint8Array {
    const bytes = encodeKey(key);
    if (bytes.length === 0) throw invalid('a key is empty');
    this.#checkBound(bytes);
    return bytes;
  }

  #checkBound({ length }: Uint8Array): void {
    const { keyBytes } = this.#sizes;
    if (length > keyBytes) {
      throw invalid(`a key of ${length} bytes is over the limit of ${keyBytes}`);
    }
  }

  #value(value: V): Uint8Array {
    const bytes = encodeValue(this.#codec, value);
    const { valueBytes } = this.#sizes;
    if (bytes.length <= valueBytes) return bytes;
    throw invalid(`a value of ${bytes.length} bytes is over the limit of ${valueBytes}`);
  }
}

const nothing = new Uint8Array(0);
const targets = ['revision', 'value', 'valueBytes', 'exists'] as const;
const rangeFields = ['prefix', 'start', 'end'] as const;
const compareFields = ['key', ...rangeFields, ...targets, 'is'] as const;
const stepKinds = ['put', 'delete', 'get', 'scan', 'deleteRange'] as const;
const stepFields: Readonly<Record<(typeof stepKinds)[number], readonly string[]>> = {
  put: ['put', 'value', 'ttlMs', 'returnPrevious'],
  delete: ['delete', 'returnPrevious'],
  get: ['get'],
  scan: ['scan'],
  deleteRange: ['deleteRange'],
};

function wire(step: NonNullable<WireStep['step']>): WireStep {
  return { step };
}

/** @throws DougError INVALID_ARGUMENT */
export function checkTtlMs(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 0) {
    throw invalid(`ttlMs must be an integer of at least 0, not ${String(ttlMs)}`);
  }
  checkTtl(ttlMs);
}

function listOf<T>(name: string, list: readonly T[] | undefined): readonly T[] {
  if (list === undefined || Array.isArray(list)) return list ?? [];
  throw invalid(`'${name}' must be a list`);
}

/** A field with a slip in its name would be a condition to the reader and none to the wire. */
function checkFields(what: string, value: object, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw invalid(`${what} must be an object`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`${what} has no '${unknown}'`);
}

function checkFlag(name: string, flag: boolean | undefined): boolean {
  if (flag === undefined || typeof flag === 'boolean') return flag === true;
  throw invalid(`${name} must be true or false, not ${String(flag)}`);
}

function invalid(what: string): DougError {
  return new DougError('INVALID_ARGUMENT', `transaction: ${what}`);
}
