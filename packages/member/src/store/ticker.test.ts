import { SimScheduler } from '@dougdb/ports/sim';
import { Ticker } from './ticker.js';

interface Bench {
  readonly scheduler: SimScheduler;
  readonly clock: ReturnType<SimScheduler['clock']>;
  readonly ticksMs: number[];
  missed: number;
  readonly ticker: Ticker;
}

function bench(): Bench {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const ticksMs: number[] = [];
  const result: Bench = {
    scheduler,
    clock,
    ticksMs,
    missed: 0,
    ticker: new Ticker({
      clock,
      tickMs: 10,
      onTick: () => ticksMs.push(clock.monotonicMs()),
      onMissed: (count) => {
        result.missed += count;
      },
    }),
  };
  return result;
}

describe('ticker', () => {
  it('ticks on its grid', async () => {
    const b = bench();
    b.ticker.start();
    await b.scheduler.advance(100);
    expect(b.ticksMs).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(b.missed).toBe(0);
  });

  it('does not make up for ticks that the process slept through', async () => {
    const b = bench();
    b.ticker.start();
    await b.scheduler.advance(20);
    b.clock.pause();
    await b.scheduler.advance(1000);
    b.clock.resume();
    await b.scheduler.advance(15);
    expect(b.ticksMs.slice(0, 4)).toEqual([10, 20, 1020, 1030]);
    expect(b.missed).toBe(99);
  });

  it('takes in what came during a stall before the next tick counts', async () => {
    const b = bench();
    const order: string[] = [];
    const ticker = new Ticker({
      clock: b.clock,
      tickMs: 10,
      onTick: () => order.push('tick'),
      onMissed: () => order.push('missed'),
    });
    ticker.start();
    b.clock.pause();
    await b.scheduler.advance(500);
    b.clock.resume();
    b.clock.setTimer(0, () => order.push('message'));
    await b.scheduler.advance(0);
    expect(order).toEqual(['missed', 'message', 'tick']);
    ticker.stop();
  });

  it('leaves no timer behind', async () => {
    const b = bench();
    b.ticker.start();
    await b.scheduler.advance(25);
    b.ticker.stop();
    expect(b.clock.pendingCount).toBe(0);
    await b.scheduler.advance(100);
    expect(b.ticksMs.length).toBe(2);
  });
});
