/**
 * Work that may not hold the main loop. A job is a module-level function named by key, with
 * structured-cloneable input and output; the real port runs it in a worker thread, the simulated one
 * in slices on the loop.
 */
export interface Workers {
  /** @throws what the job threw, as an Error with the same message and code */
  run<I, O>(job: string, input: I, transfer?: readonly ArrayBuffer[]): Promise<O>;
  close(): Promise<void>;
}
