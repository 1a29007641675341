import { partitioningOf } from './partitioning.js';
import { runScenario } from './scenario.js';

describe('five simulated members', () => {
  it.each([1, 4])('with %i partitions serve three clients without a fault', async (partitions) => {
    const result = await runScenario({ seed: 1, partitions });
    expect(result.violations).toEqual([]);
    expect(result.history.filter((op) => op.status === 'ok').length).toBe(result.history.length);
    expect(result.partitionsUsed).toBe(partitions);
  });
});

describe('the keys of a workload', () => {
  it.each([1, 2, 4, 7])('lie in all of %i partitions', (count) => {
    const { keys, splitAt, partitionOf } = partitioningOf(count);
    expect(splitAt.length).toBe(count - 1);
    const ids = keys.map(partitionOf);
    expect(new Set(ids).size).toBe(count);
    expect([ids[0], ids.at(-1)]).toEqual([2, count + 1]);
    expect([...ids].sort((a, b) => a - b)).toEqual(ids);
  });
});
