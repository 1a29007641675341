import type { Workers } from '@dougdb/ports';
import { NodeWorkers } from '@dougdb/ports/node';

export interface TableWorkersOptions {
  /**
   * 2 (the default): one thread for flushes, which writes wait for, and one for compactions. 1: they
   * follow each other, and a flush waits for the compaction before it.
   */
  readonly threads?: 1 | 2;
  /**
   * The module that the threads load. Default: this package's own, beside this file. To be given where a
   * bundler has put this code elsewhere.
   */
  readonly jobs?: URL;
}

/**
 * Worker threads for the flushes and compactions of all databases of a process (`JobScheduler`'s
 * `workers`). A thread starts with its first job, and keeps the process alive only while it has one.
 */
export class TableWorkers implements Workers {
  readonly #flushes: NodeWorkers;
  readonly #others: NodeWorkers;

  constructor(options: TableWorkersOptions = {}) {
    const jobs = options.jobs ?? new URL('./table-jobs.js', import.meta.url);
    this.#flushes = new NodeWorkers({ jobs });
    this.#others = options.threads === 1 ? this.#flushes : new NodeWorkers({ jobs });
  }

  /** @throws as NodeWorkers */
  run<I, O>(job: string, input: I, transfer?: readonly ArrayBuffer[]): Promise<O> {
    return (job === 'flush' ? this.#flushes : this.#others).run(job, input, transfer);
  }

  /** Waits for the jobs that were given; close the databases first, which cancels theirs. */
  async close(): Promise<void> {
    await Promise.all([this.#flushes.close(), this.#others.close()]);
  }
}
