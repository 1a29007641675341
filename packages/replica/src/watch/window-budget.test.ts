import { WindowBudget } from './window-budget.js';

const never = (): void => {
  throw new Error('it was not its turn');
};

describe('the budget of windows', () => {
  it('gives room for so many, and to those who wait in their order', () => {
    const budget = new WindowBudget(250, 100);
    const turns: string[] = [];
    const waiting = ['c', 'd', 'e'].map((name) => () => void turns.push(name));
    const [c, d, e] = waiting as [() => void, () => void, () => void];
    expect([budget.take(never), budget.take(never)]).toEqual([true, true]);
    expect([budget.take(c), budget.take(d), budget.take(e)]).toEqual([false, false, false]);
    budget.give(40);
    expect(turns).toEqual([]);
    budget.give(20);
    expect(turns).toEqual(['c']);
    expect(budget.take(c)).toBe(true);
    expect(budget.takenBytes).toBe(240);
    budget.give(240);
    expect(turns).toEqual(['c', 'd', 'e']);
    expect(budget.takenBytes).toBe(0);
  });

  it('passes the turn of one that waits no longer to the next', () => {
    const budget = new WindowBudget(100, 100);
    const turns: string[] = [];
    const a = (): void => void turns.push('a');
    const b = (): void => void turns.push('b');
    const c = (): void => void turns.push('c');
    budget.take(never);
    for (const one of [a, b, c]) budget.take(one);
    budget.forget(b);
    budget.give(100);
    expect(turns).toEqual(['a']);
    // Its turn came, and it ended.
    budget.forget(a);
    expect(turns).toEqual(['a', 'c']);
  });

  it('takes from those who hold a window for later what others need', () => {
    const budget = new WindowBudget(200, 100);
    const gaveUp: string[] = [];
    const holder = (name: string) => ({
      giveUp: () => {
        gaveUp.push(name);
        budget.give(100);
      },
    });
    const [a, b] = [holder('a'), holder('b')];
    budget.take(never);
    budget.take(never);
    budget.setIdle(a);
    budget.setIdle(b);
    budget.setBusy(a);
    expect(budget.take(never)).toBe(true);
    expect(gaveUp).toEqual(['b']);
    const turns: string[] = [];
    expect(budget.take(() => void turns.push('c'))).toBe(false);
    budget.setIdle(a);
    expect([gaveUp, turns]).toEqual([['b', 'a'], ['c']]);
  });
});
