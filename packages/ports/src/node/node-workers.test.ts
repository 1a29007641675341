import { pathToFileURL } from 'node:url';
import { NodeWorkers } from './node-workers.js';

const jobs = pathToFileURL(`${__dirname}/../../test/fixtures/jobs.mjs`);

describe('NodeWorkers', () => {
  let workers: NodeWorkers;

  beforeEach(() => {
    workers = new NodeWorkers({ jobs });
  });
  afterEach(() => workers.close());

  it('runs a job in another thread, the same for each', async () => {
    await expect(workers.run('double', 21)).resolves.toBe(42);
    const first = await workers.run('thread', null);
    expect(first).not.toBe(0);
    expect(await workers.run('thread', null)).toBe(first);
  });

  it('runs one job at a time, in the order of the calls', async () => {
    const runs = ['a', 'b'].map((name) => workers.run<string, string[]>('slowly', name));
    expect((await Promise.all(runs))[1]).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('moves transferred buffers', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    await expect(workers.run('sum', bytes, [bytes.buffer])).resolves.toBe(6);
    expect(bytes.length).toBe(0);
  });

  it('throws what the job threw: message and code', async () => {
    const failed = workers.run('fail', { message: 'no room', code: 'ENOSPC' });
    await expect(failed).rejects.toMatchObject({ message: 'no room', code: 'ENOSPC' });
    const bare = workers.run('fail', { message: 'no code' });
    await expect(bare).rejects.toMatchObject({ message: 'no code' });
    await expect(bare).rejects.not.toHaveProperty('code');
    await expect(workers.run('failStrangely', null)).rejects.toThrow('only a text');
    await expect(workers.run('double', 1)).resolves.toBe(2);
  });

  it.each(['none', 'notAFunction', 'toString'])('knows no job %p', async (job) => {
    await expect(workers.run(job, null)).rejects.toMatchObject({ code: 'PORTS_UNKNOWN_JOB' });
  });

  it('refuses input and output that cannot be cloned', async () => {
    await expect(workers.run('double', () => {})).rejects.toThrow('could not be cloned');
    await expect(workers.run('uncloneable', null)).rejects.toThrow('could not be cloned');
    await expect(workers.run('double', 1)).resolves.toBe(2);
  });

  it('rejects what a dead thread was to do, and starts another', async () => {
    const died = { code: 'PORTS_WORKER_DIED' };
    const runs = [workers.run('exit', null), workers.run('double', 1)];
    for (const run of runs) await expect(run).rejects.toMatchObject(died);
    await expect(workers.run('double', 1)).resolves.toBe(2);
  });

  it('rejects every job if the module cannot be loaded', async () => {
    const lost = new NodeWorkers({ jobs: new URL('./none.mjs', jobs) });
    await expect(lost.run('double', 1)).rejects.toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
    await lost.close();
  });

  it('finishes what it has on close, and takes nothing more', async () => {
    const running = workers.run('double', 1);
    const closing = Promise.all([workers.close(), workers.close()]);
    const refused = { code: 'PORTS_WORKERS_CLOSED' };
    await expect(workers.run('double', 2)).rejects.toMatchObject(refused);
    await closing;
    await expect(running).resolves.toBe(2);
    await workers.close();
  });
});
