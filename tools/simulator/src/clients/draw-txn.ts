import type { SimRandom } from '@dougdb/ports/sim';
import { type Compare, CompareRelation, type TxnStep } from '@dougdb/rpc-proto';

/** Keys beside each of the partitioning's, so that ranges hold some. */
const SUFFIXES = ['.t0', '.t1', '.t2'] as const;

/** Transactions of all shapes, over few keys. No value is written twice. */
export class TxnDrawing {
  readonly #random: SimRandom;
  readonly #name: string;
  #count = 0;

  constructor(random: SimRandom, name: string) {
    this.#random = random;
    this.#name = name;
  }

  /** @param keys - all of one partition @param revision - one that compares may name */
  draw(
    keys: readonly string[],
    revision: number,
  ): { compares: Compare[]; success: TxnStep[]; failure: TxnStep[] } {
    const steps = (most: number): TxnStep[] =>
      Array.from({ length: this.#random.int(most + 1) }, () => this.#step(keys));
    const compares = Array.from({ length: this.#random.int(3) }, () =>
      this.#compare(keys, revision),
    );
    return { compares, success: [this.#step(keys), ...steps(5)], failure: steps(2) };
  }

  #step(keys: readonly string[]): TxnStep {
    const random = this.#random;
    const key = this.#key(keys);
    const returnPrevious = random.chance(0.5);
    const [start, end] = this.#range(keys);
    const value = encoder.encode(`${this.#name}-${this.#count++}`);
    const ttlMs = random.pick([0, 0, 100, 60_000]);
    return random.pick<() => TxnStep>([
      () => ({ step: { $case: 'put', value: { key, value, ttlMs, returnPrevious } } }),
      () => ({ step: { $case: 'put', value: { key, value, ttlMs, returnPrevious } } }),
      () => ({ step: { $case: 'put', value: { key, value, ttlMs, returnPrevious } } }),
      () => ({ step: { $case: 'delete', value: { key, returnPrevious } } }),
      () => ({ step: { $case: 'get', value: { key } } }),
      () => ({ step: { $case: 'deleteRange', value: { start, end } } }),
      () => ({
        step: {
          $case: 'scan',
          value: {
            ...{ start, end, limit: random.int(4) },
            ...{ reverse: random.chance(0.5), keysOnly: random.chance(0.3) },
          },
        },
      }),
    ])();
  }

  #compare(keys: readonly string[], revision: number): Compare {
    const random = this.#random;
    const [start, end] = this.#range(keys);
    const isRange = random.chance(0.3);
    const named = random.pick([0, 1 + random.int(Math.max(1, revision)), revision]);
    const target = random.pick<Compare['target']>([
      { $case: 'exists', value: random.chance(0.5) },
      { $case: 'revision', value: named },
      { $case: 'value', value: encoder.encode(`${this.#name}-${random.int(this.#count + 1)}`) },
    ]);
    const order = [CompareRelation.COMPARE_RELATION_LESS, CompareRelation.COMPARE_RELATION_GREATER];
    return {
      key: isRange ? start : this.#key(keys),
      rangeEnd: isRange ? end : new Uint8Array(0),
      relation: random.pick([
        ...[CompareRelation.COMPARE_RELATION_EQUAL, CompareRelation.COMPARE_RELATION_NOT_EQUAL],
        ...(target?.$case === 'exists' ? [] : order),
      ]),
      target,
    };
  }

  #key(keys: readonly string[]): Uint8Array {
    return encoder.encode(`${this.#random.pick(keys)}${this.#random.pick(SUFFIXES)}`);
  }

  /** The keys beside one of the partitioning's, or some of them. */
  #range(keys: readonly string[]): [Uint8Array, Uint8Array] {
    const key = this.#random.pick(keys);
    const start = this.#random.pick(['.t', '.t0', '.t1']);
    return [encoder.encode(`${key}${start}`), encoder.encode(`${key}.t2~`)];
  }
}

const encoder = new TextEncoder();
