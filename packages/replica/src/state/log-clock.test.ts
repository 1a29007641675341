import { silentLogger } from '@dougdb/ports';
import { LogClock } from './log-clock.js';
import { LOG_TIME_PER_MS, logTimeOf, wallMsOf } from './log-time.js';

const WALL = Date.UTC(2026, 0, 1);

/** Two clocks that the test moves apart. */
class TestClock {
  mono = 1000;
  wall = WALL;

  advance(ms: number): void {
    this.mono += ms;
    this.wall += ms;
  }
  monotonicMs(): number {
    return this.mono;
  }
  wallMs(): number {
    return this.wall;
  }
  setTimer(): never {
    throw new Error('no timers here');
  }
  defer(): never {
    throw new Error('no turns here');
  }
}

function make(last = 0): { clock: TestClock; log: LogClock; jumps: () => number } {
  const clock = new TestClock();
  let jumps = 0;
  const logger = { ...silentLogger, warn: () => void jumps++ };
  return { clock, log: new LogClock(clock, logger, last), jumps: () => jumps };
}

describe('LogClock', () => {
  it('stamps milliseconds since 2020 times 4096', () => {
    const { clock, log } = make();
    const first = log.stamp();
    expect(first).toBe((WALL - Date.UTC(2020, 0, 1)) * 4096);
    expect(wallMsOf(first)).toBe(WALL);
    clock.advance(1500);
    expect(wallMsOf(log.stamp())).toBe(WALL + 1500);
    expect(logTimeOf(WALL)).toBe(first);
    expect(logTimeOf(0)).toBe(0);
  });

  it('INVARIANT(log-time-monotonic): grows strictly, however fast entries come and wherever the wall clock goes', () => {
    const { clock, log } = make();
    let last = 0;
    let isGrowing = true;
    for (let i = 0; i < 20_000; i++) {
      const stamp = log.stamp();
      isGrowing &&= stamp > last;
      last = stamp;
      if (i % 1000 === 0) clock.wall += i % 2000 === 0 ? -3_600_000 : 1_700_000;
      if (i % 700 === 0) clock.advance(1);
    }
    expect(isGrowing).toBe(true);
  });

  it('logs a jump of the wall clock once and does not follow it', () => {
    for (const jumpMs of [3_600_000, -3_600_000]) {
      const { clock, log, jumps } = make();
      const start = log.stamp();
      clock.wall += jumpMs;
      for (let i = 0; i < 600; i++) {
        clock.advance(100);
        log.stamp();
      }
      const passedMs = (log.stamp() - start) / LOG_TIME_PER_MS;
      expect(Math.abs(passedMs - 60_000)).toBeLessThan(1000);
      expect(jumps()).toBe(1);
    }
  });

  it('leans toward the wall clock slowly', () => {
    const { clock, log, jumps } = make();
    const start = log.stamp();
    clock.wall += 100;
    clock.advance(1000);
    expect((log.stamp() - start) / LOG_TIME_PER_MS).toBeCloseTo(1000.5, 1);
    for (let i = 0; i < 400; i++) {
      clock.advance(1000);
      log.stamp();
    }
    expect(wallMsOf(log.stamp())).toBe(clock.wall);
    expect(jumps()).toBe(0);
  });

  it('goes on from the newest entry of the log, whoever stamped it', () => {
    const ahead = logTimeOf(WALL + 400_000);
    const { clock, log } = make(ahead);
    expect(log.stamp()).toBeGreaterThan(ahead);
    clock.advance(1000);
    // Less what it leans toward the wall clock.
    expect(wallMsOf(log.stamp())).toBe(WALL + 400_999);
    log.observe(logTimeOf(WALL + 900_000));
    expect(wallMsOf(log.read())).toBe(WALL + 900_000);
    log.observe(5);
    clock.advance(50);
    expect(wallMsOf(log.read())).toBe(WALL + 900_049);
    expect(log.stamp()).toBeGreaterThan(logTimeOf(WALL + 900_000));
  });
});
