import { partitioningOf } from './partitioning.js';
import { plainPlan } from './plan/plan.js';
import { runPlan } from './run.js';

describe('five simulated members', () => {
  it.each([1, 4])('with %i partitions serve four clients without a fault', async (partitions) => {
    const plan = { ...plainPlan('calm', 2_000), partitions, meanPauseMs: 20 };
    const { history, partitionsUsed } = await runPlan(plan);
    expect(history.length).toBeGreaterThan(100);
    expect(history.filter((op) => op.status !== 'ok')).toEqual([]);
    expect(partitionsUsed).toBe(partitions);
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
