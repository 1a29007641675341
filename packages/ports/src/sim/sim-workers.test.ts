import { SimScheduler } from './scheduler.js';
import { SimWorkers } from './sim-workers.js';

describe('SimWorkers', () => {
  it('runs a job with a copy of its input and answers a copy of its output', async () => {
    const kept: unknown[] = [];
    const workers = new SimWorkers({
      keep: (input) => {
        kept.push(input);
        return kept;
      },
    });
    const input = { bytes: Uint8Array.of(1, 2) };
    const output = await workers.run<typeof input, unknown[]>('keep', input);
    expect(output).toEqual([input]);
    expect(kept[0]).not.toBe(input);
    expect(output).not.toBe(kept);
  });

  it('takes transferred buffers away from the caller', async () => {
    const workers = new SimWorkers({ length: (input) => (input as Uint8Array).length });
    const bytes = new Uint8Array(8);
    await expect(workers.run('length', bytes, [bytes.buffer])).resolves.toBe(8);
    expect(bytes.length).toBe(0);
  });

  it('throws what the job threw, with its code', async () => {
    const workers = new SimWorkers({
      fail: async () => {
        throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      },
    });
    const failed = { message: 'no room', code: 'ENOSPC' };
    await expect(workers.run('fail', null)).rejects.toMatchObject(failed);
  });

  it('refuses unknown jobs, inherited names included, and input that cannot be cloned', async () => {
    const workers = new SimWorkers({ job: () => 1 });
    const unknown = { code: 'PORTS_UNKNOWN_JOB' };
    await expect(workers.run('none', null)).rejects.toMatchObject(unknown);
    await expect(workers.run('toString', null)).rejects.toMatchObject(unknown);
    await expect(workers.run('job', () => {})).rejects.toThrow('could not be cloned');
  });

  it('starts after its delay of virtual time', async () => {
    const scheduler = new SimScheduler();
    const workers = new SimWorkers(
      { now: () => scheduler.nowMs },
      { clock: scheduler.clock(), startDelayMs: 7 },
    );
    await expect(scheduler.runWhilePending(workers.run('now', null))).resolves.toBe(7);
  });

  it('finishes what it has on close, failed or not, and takes nothing more', async () => {
    let finish = (): void => {};
    const workers = new SimWorkers({
      wait: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      fail: () => {
        throw new Error('planted');
      },
    });
    const running = workers.run('wait', null);
    const failing = expect(workers.run('fail', null)).rejects.toThrow('planted');
    let closed = false;
    const closing = workers.close().then(() => {
      closed = true;
    });
    const refused = { code: 'PORTS_WORKERS_CLOSED' };
    await expect(workers.run('wait', null)).rejects.toMatchObject(refused);
    await failing;
    expect(closed).toBe(false);
    finish();
    await Promise.all([running, closing]);
  });
});
