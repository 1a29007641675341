import { SimRandom } from '@dougdb/ports/sim';
import {
  checkHistory,
  encodeOperation,
  type GeneratorOptions,
  generateHistory,
  type History,
  mutateHistory,
  mutations,
  type OperationRecord,
  parseHistory,
} from '../src/index.js';

const parse = (records: readonly OperationRecord[]): History =>
  parseHistory(records.map((record) => `${encodeOperation(record)}\n`).join(''));

/** Fresh in each run; the name of a failing test has the seed, DOUG_CHAOS_SEED runs it again. */
const base = process.env.DOUG_CHAOS_SEED ?? `${Date.now()}`;

const shapes: readonly [string, Partial<GeneratorOptions>][] = [
  ['few clients on many keys', { operations: 4_000, keys: 40 }],
  ['twelve clients on one key at a time', { operations: 900, keys: 3, activeKeys: 1 }],
  ['many unknown outcomes', { operations: 2_000, keys: 20, unknownShare: 0.25 }],
  ['without appends, one key of 3,000', { operations: 3_000, keys: 1, appendShare: 0 }],
];

describe(`generated histories, seed ${base} (DOUG_CHAOS_SEED)`, () => {
  it.each(shapes)('are linearizable: %s', (name, options) => {
    for (let n = 0; n < 3; n++) {
      const records = generateHistory({ ...options, seed: `${base}-${name}-${n}` });
      expect(records).toHaveLength(options.operations as number);
      expect(checkHistory(parse(records))).toMatchObject({
        verdict: 'linearizable',
        operations: options.operations,
      });
    }
  });

  it.each(mutations)('are not with one %s, and the key is named', (mutation) => {
    let planted = 0;
    for (let n = 0; n < 8; n++) {
      const seed = `${base}-${mutation}-${n}`;
      const good = generateHistory({ seed, operations: 600, keys: 6, activeKeys: 2 });
      const bad = mutateHistory(good, mutation, new SimRandom(`${seed}/mutate`));
      if (bad === null) continue;
      planted++;
      expect(checkHistory(parse(bad.records))).toMatchObject({
        verdict: 'not-linearizable',
        notLinearizable: [bad.key],
      });
    }
    expect(planted).toBeGreaterThan(4);
  });

  it('are the same for the same seed, and others for another', () => {
    const options = { operations: 300, keys: 3 };
    const first = generateHistory({ ...options, seed: base });
    expect(generateHistory({ ...options, seed: base })).toEqual(first);
    expect(generateHistory({ ...options, seed: `${base}x` })).not.toEqual(first);
  });

  it('have all kinds of operations and outcomes', () => {
    const records = generateHistory({
      seed: base,
      operations: 3_000,
      keys: 20,
      unknownShare: 0.2,
      failShare: 0.2,
    });
    const kinds = new Set(records.map(({ call, status }) => `${call.op} ${status}`));
    expect(kinds.size).toBe(15);
    const swaps = new Set(records.map(({ answer }) => answer.result));
    expect([...swaps]).toEqual(expect.arrayContaining([true, false]));
  });
});
