import type { FileSystem } from '@dougdb/ports';
import { runJobBlocking } from './job.js';
import { failureOutput, type JobInput, type JobOutput } from './job-message.js';
import { JobSwitch } from './job-switch.js';
import { Pacer } from './pacer.js';
import { type TableJobName, type TableJobSpecs, tableJob } from './table-jobs.js';

/** The jobs as a worker thread runs them, by name: each blocks the thread until it is done. */
export type ThreadJobs = {
  readonly [Name in TableJobName]: (input: JobInput<TableJobSpecs[Name]>) => JobOutput;
};

/** @param fs - of the thread: its descriptors are its own */
export function threadJobs(fs: FileSystem, nowMs: () => number): ThreadJobs {
  const run = <Name extends TableJobName>(
    name: Name,
    { spec, control }: JobInput<TableJobSpecs[Name]>,
  ): JobOutput => {
    const job = new JobSwitch(control);
    const pacer = new Pacer(nowMs, () => job.bytesPerSecond);
    try {
      const sleep = (durationMs: number): void => job.sleep(durationMs);
      return { tables: runJobBlocking(tableJob(name, spec, fs, pacer), { control: job, sleep }) };
    } catch (error) {
      return failureOutput(error);
    }
  };
  return {
    flush: (input) => run('flush', input),
    compact: (input) => run('compact', input),
    check: (input) => run('check', input),
  };
}
