import { SimScheduler } from '@dougdb/ports/sim';
import { WriteBrake } from './write-brake.js';

const pressed = (delayMs: number) => ({
  pressure: { state: delayMs > 0 ? 'slow' : 'free', delayMs, compactionDebtBytes: 0 } as const,
});

describe('WriteBrake', () => {
  it('lets entries go while the database keeps up', () => {
    const clock = new SimScheduler().clock();
    const brake = new WriteBrake({ db: pressed(0), clock, wake: () => undefined });
    expect([brake.takeTurn(), brake.takeTurn(), brake.takeTurn()]).toEqual([true, true, true]);
  });

  it('leaves a pause behind each entry while it does not, and wakes at its end', async () => {
    const scheduler = new SimScheduler();
    let woken = 0;
    const wake = (): void => {
      woken++;
    };
    const brake = new WriteBrake({ db: pressed(7), clock: scheduler.clock(), wake });
    expect([brake.takeTurn(), brake.takeTurn()]).toEqual([true, false]);
    await scheduler.advance(6);
    expect([brake.takeTurn(), woken]).toEqual([false, 0]);
    await scheduler.advance(1);
    expect([woken, brake.takeTurn(), brake.takeTurn()]).toEqual([1, true, false]);
    brake.close();
    await scheduler.advance(50);
    expect(woken).toBe(1);
  });
});
