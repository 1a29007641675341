import { drawPlan } from './draw-plan.js';
import { plainPlan } from './plan.js';
import { profileNames } from './profiles.js';
import { planOf, recordPlan } from './recorded-run.js';

describe('a recorded plan', () => {
  it('says only what differs from a plain one', () => {
    const { seed, ...rest } = recordPlan({ ...plainPlan('a', 1), voters: 3 });
    expect([seed, rest.voters]).toEqual(['a', 3]);
    const parts = { network: {}, times: {}, operations: {}, actions: [] };
    expect(rest).toEqual({ voters: 3, ...parts });
  });

  it('is read back as it was', () => {
    for (const profile of profileNames) {
      const plan = drawPlan('recorded', profile, 2);
      const text = JSON.stringify(recordPlan(plan));
      const again = planOf(JSON.parse(text));
      expect(again).toEqual(plan);
    }
  });

  it('with an action that there is not is refused', () => {
    const actions = [[1, 'dance', 1, 0, 0, 0, 0]] as const;
    expect(() => planOf({ seed: 'a', actions })).toThrow(new RangeError('no action dance'));
  });
});
