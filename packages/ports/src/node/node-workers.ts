import { Worker } from 'node:worker_threads';
import { PortsError } from '../ports-error.js';
import type { Workers } from '../workers.js';

export interface NodeWorkersOptions {
  /** A module whose exported functions are the jobs, by their names. */
  readonly jobs: URL;
}

/**
 * The thread's program. It is text so that it needs no file of its own, which bundlers and test
 * runners would have to find. Jobs run one at a time, in the order of the calls.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const jobs = import(workerData);
jobs.catch(() => {}); // each job reports it
let last = Promise.resolve();
parentPort.on('message', ({ id, job, input }) => {
  last = last.then(async () => {
    try {
      const module = await jobs;
      const body = Object.hasOwn(module, job) ? module[job] : undefined;
      if (typeof body !== 'function') {
        const message = 'no job named ' + JSON.stringify(job) + ' in ' + workerData;
        throw Object.assign(new Error(message), { code: 'PORTS_UNKNOWN_JOB' });
      }
      parentPort.postMessage({ id, output: await body(input) });
    } catch (error) {
      const { message, code, stack } = error ?? {};
      const text = message === undefined ? String(error) : String(message);
      parentPort.postMessage({ id, error: { message: text, code, stack: String(stack) } });
    }
  });
});
`;

interface Pending {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: { readonly message: string; readonly code: unknown; readonly stack: string };
}

/**
 * Jobs in one worker thread, which starts with the first job and keeps the process alive only while
 * one runs. If the thread dies, its jobs are rejected and the next one starts another.
 */
export class NodeWorkers implements Workers {
  readonly #jobs: string;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #nextId = 1;
  #closed = false;
  #idle: (() => void) | null = null;

  constructor(options: NodeWorkersOptions) {
    this.#jobs = options.jobs.href;
  }

  /** @throws what the job threw; PORTS_UNKNOWN_JOB, PORTS_WORKERS_CLOSED, PORTS_WORKER_DIED */
  async run<I, O>(job: string, input: I, transfer: readonly ArrayBuffer[] = []): Promise<O> {
    if (this.#closed) throw new PortsError('PORTS_WORKERS_CLOSED', `cannot run '${job}': closed`);
    const worker = this.#started();
    const id = this.#nextId++;
    const output = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    try {
      worker.postMessage({ id, job, input }, [...transfer]);
    } catch (error) {
      // The input cannot be cloned: the job was never sent.
      this.#pending.delete(id);
      this.#settled();
      throw error;
    }
    worker.ref();
    return (await output) as O;
  }

  /** Refuses new jobs, waits for those that were given, ends the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#idle;
        this.#idle = () => {
          before?.();
          resolve();
        };
      });
    }
    await this.#worker?.terminate();
    this.#worker = null;
  }

  #started(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(PROGRAM, { eval: true, workerData: this.#jobs });
    let cause: unknown;
    worker.on('message', (answer: Answer) => this.#answer(answer));
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => this.#died(worker, code, cause));
    this.#worker = worker;
    return worker;
  }

  #answer({ id, output, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(output);
    else {
      const { message, code, stack } = error;
      const thrown = Object.assign(new Error(message), code === undefined ? {} : { code });
      thrown.stack = stack;
      pending?.reject(thrown);
    }
    this.#settled();
  }

  #died(worker: Worker, exitCode: number, cause: unknown): void {
    if (this.#worker === worker) this.#worker = null;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost) {
      const message = `the worker thread ended with code ${exitCode} while it ran the job`;
      reject(new PortsError('PORTS_WORKER_DIED', message, { cause }));
    }
    this.#settled();
  }

  #settled(): void {
    if (this.#pending.size > 0) return;
    this.#worker?.unref();
    this.#idle?.();
    this.#idle = null;
  }
}
