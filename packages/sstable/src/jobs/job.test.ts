import type { File } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import { type Job, type JobRunnerOptions, runJob, runJobBlocking } from './job.js';

function runner(overrides: Partial<JobRunnerOptions> = {}): {
  readonly scheduler: SimScheduler;
  readonly options: JobRunnerOptions;
} {
  const scheduler = new SimScheduler();
  return {
    scheduler,
    options: {
      clock: scheduler.clock(),
      sliceMs: 2,
      control: { isCancelled: false },
      onSlice: () => undefined,
      ...overrides,
    },
  };
}

const blocking = () => ({ control: { isCancelled: false }, sleep: () => undefined });

/** As far as a job knows files. */
function fileThat(does: 'syncs' | 'fails'): File {
  const fail = (): void => {
    if (does === 'fails') throw new Error('disk');
  };
  return { datasyncSync: fail, datasync: async () => fail() } as unknown as File;
}

describe('runJob', () => {
  it('runs a job to its result, in slices even on a clock that stands still', async () => {
    let slices = 0;
    const { scheduler, options } = runner({ onSlice: () => slices++ });
    function* count(): Job<number> {
      for (let i = 0; i < 1000; i++) yield;
      return 7;
    }
    await expect(scheduler.runWhilePending(runJob(count(), options))).resolves.toBe(7);
    expect(slices).toBe(4);
  });

  it('ends a slice when its time is over', async () => {
    const { scheduler, options } = runner();
    let nowMs = 0;
    const clock = {
      monotonicMs: () => nowMs,
      wallMs: () => 0,
      setTimer: options.clock.setTimer.bind(options.clock),
      defer: options.clock.defer.bind(options.clock),
    };
    const durations: number[] = [];
    function* work(): Job<void> {
      for (let i = 0; i < 6; i++) {
        nowMs += 1;
        yield;
      }
    }
    const onSlice = (durationMs: number): number => durations.push(durationMs);
    await scheduler.runWhilePending(runJob(work(), { ...options, clock, onSlice }));
    expect(durations).toEqual([2, 2, 2, 0]);
  });

  it('waits for syncs, and throws their failures where they were waited for', async () => {
    const { scheduler, options } = runner();
    const log: string[] = [];
    function* work(): Job<string> {
      yield { datasync: fileThat('syncs') };
      try {
        yield { datasync: fileThat('fails') };
      } catch (error) {
        log.push((error as Error).message);
      }
      return 'done';
    }
    await expect(scheduler.runWhilePending(runJob(work(), options))).resolves.toBe('done');
    expect(runJobBlocking(work(), blocking())).toBe('done');
    expect(log).toEqual(['disk', 'disk']);
  });

  it('lets time pass where the job was too fast', async () => {
    const { scheduler, options } = runner();
    function* work(): Job<void> {
      yield { pauseMs: 30 };
      yield { pauseMs: 12 };
    }
    await scheduler.runWhilePending(runJob(work(), options));
    expect(scheduler.nowMs).toBe(42);
    const slept: number[] = [];
    runJobBlocking(work(), { ...blocking(), sleep: (durationMs) => slept.push(durationMs) });
    expect(slept).toEqual([30, 12]);
  });

  it('hands on what a job throws', async () => {
    const { scheduler, options } = runner();
    // biome-ignore lint/correctness/useYield: a job that fails at once
    function* work(): Job<void> {
      throw new Error('boom');
    }
    await expect(scheduler.runWhilePending(runJob(work(), options))).rejects.toThrow('boom');
    expect(() => runJobBlocking(work(), blocking())).toThrow('boom');
  });

  it('ends a cancelled job at its next step and lets it clean up', async () => {
    const control = { isCancelled: false };
    const { scheduler, options } = runner({ control });
    let isClean = false;
    function* work(): Job<void> {
      try {
        for (let i = 0; ; i++) {
          if (i === 10) control.isCancelled = true;
          yield;
        }
      } finally {
        isClean = true;
      }
    }
    await expect(scheduler.runWhilePending(runJob(work(), options))).rejects.toMatchObject({
      code: 'SST_CLOSED',
    });
    expect(isClean).toBe(true);
    isClean = false;
    control.isCancelled = false;
    const closed = expect.objectContaining({ code: 'SST_CLOSED' });
    expect(() => runJobBlocking(work(), { ...blocking(), control })).toThrow(closed);
    expect(isClean).toBe(true);
    expect(() => runJobBlocking(work(), { ...blocking(), control })).toThrow(closed);
  });
});
