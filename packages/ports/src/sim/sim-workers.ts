import type { Clock } from '../clock.js';
import { PortsError } from '../ports-error.js';
import type { Workers } from '../workers.js';

/** A registered job; unlike a real one it may be a closure over the node's simulated ports. */
export type SimJob = (input: unknown) => unknown;

export interface SimWorkersOptions {
  /** With a clock a job starts after `startDelayMs` of virtual time; without, on a microtask. */
  readonly clock?: Clock;
  /** Default 0.1. */
  readonly startDelayMs?: number;
}

/**
 * Runs jobs on the loop, in the order of the calls. Input and output are cloned, and buffers of the
 * transfer list detached, as a real thread would have it. A job that returns a promise may be
 * interleaved with other work.
 */
export class SimWorkers implements Workers {
  readonly #jobs: Readonly<Record<string, SimJob>>;
  readonly #clock: Clock | null;
  readonly #startDelayMs: number;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(jobs: Readonly<Record<string, SimJob>>, options: SimWorkersOptions = {}) {
    this.#jobs = jobs;
    this.#clock = options.clock ?? null;
    this.#startDelayMs = options.startDelayMs ?? 0.1;
  }

  /** @throws what the job threw; PORTS_UNKNOWN_JOB, PORTS_WORKERS_CLOSED */
  async run<I, O>(job: string, input: I, transfer: readonly ArrayBuffer[] = []): Promise<O> {
    if (this.#closed) throw new PortsError('PORTS_WORKERS_CLOSED', `cannot run '${job}': closed`);
    const body = Object.hasOwn(this.#jobs, job) ? this.#jobs[job] : undefined;
    if (body === undefined) throw new PortsError('PORTS_UNKNOWN_JOB', `no job named '${job}'`);
    const received = structuredClone(input, { transfer: [...transfer] });
    const done = this.#start().then(async () => structuredClone(await body(received)));
    this.#running.add(done);
    try {
      return (await done) as O;
    } finally {
      this.#running.delete(done);
    }
  }

  /** Refuses new jobs and waits for those that run. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  #start(): Promise<void> {
    const clock = this.#clock;
    if (clock === null) return Promise.resolve();
    return new Promise((resolve) => {
      clock.setTimer(this.#startDelayMs, resolve);
    });
  }
}
