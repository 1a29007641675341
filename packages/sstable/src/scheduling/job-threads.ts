import type { Logger, Workers } from '@dougdb/ports';
import { codeOf, messageOf } from '../encoding/error-code.js';
import { type JobInput, type JobOutput, takeOutput } from '../jobs/job-message.js';
import type { JobSwitch } from '../jobs/job-switch.js';
import type { TableJobName, TableJobSpecs } from '../jobs/table-jobs.js';
import type { TableMeta } from '../table/table-meta.js';
import { LogEvent } from '../telemetry.js';

/** The thread ended in the middle of the job: what it wrote is still there. */
export const THREAD_DIED = 'PORTS_WORKER_DIED';

/**
 * Runs jobs in worker threads as long as there are any. Where threads cannot do a job at all (the module is
 * missing, the first one died, they were closed), jobs run on the loop from then on; that is said once. A
 * thread that dies later has done its work before: the job fails, the next one gets a new thread.
 */
export class JobThreads {
  readonly #workers: Workers | null;
  #isUsable: boolean;
  #hasWorked = false;

  constructor(workers: Workers | null) {
    this.#workers = workers;
    this.#isUsable = workers !== null;
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /**
   * @param onLoop - runs the same job on the loop
   * @throws what the job throws; an error with code THREAD_DIED, after which no thread runs it
   */
  async run<Name extends TableJobName>(
    name: Name,
    spec: TableJobSpecs[Name],
    control: JobSwitch,
    logger: Logger,
    onLoop: () => Promise<readonly TableMeta[]>,
  ): Promise<readonly TableMeta[]> {
    if (this.#workers === null || !this.#isUsable) return onLoop();
    let output: JobOutput;
    try {
      const input: JobInput<TableJobSpecs[Name]> = { spec, control: control.memory };
      output = await this.#workers.run<typeof input, JobOutput>(name, input);
      this.#hasWorked = true;
    } catch (error) {
      const hasDied = codeOf(error) === THREAD_DIED;
      if (!hasDied || !this.#hasWorked) this.#giveUp(error, logger);
      if (hasDied) throw error;
      return onLoop();
    }
    return takeOutput(output);
  }

  #giveUp(error: unknown, logger: Logger): void {
    if (this.#isUsable) {
      logger.warn(LogEvent.ThreadsUnusable, { code: codeOf(error), reason: messageOf(error) });
    }
    this.#isUsable = false;
  }
}
