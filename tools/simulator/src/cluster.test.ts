import { runScenario } from './scenario.js';

describe('five simulated members', () => {
  it('serve three clients without a fault', async () => {
    const result = await runScenario({ seed: 1 });
    expect(result.violations).toEqual([]);
    expect(result.history.filter((op) => op.status === 'ok').length).toBe(result.history.length);
  });
});
