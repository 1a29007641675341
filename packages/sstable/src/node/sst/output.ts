/** Where a command writes, so that tests and the process differ in nothing else. */
export interface Output {
  /** A line; resolves when there is room for the next. False when nobody reads any more. */
  line(text: string): Promise<boolean> | boolean;
  /** A line for whoever watches, not part of the answer. */
  problem(text: string): void;
}

/** The streams of this process. A reader that goes away (`sst dump ... | head`) is no error. */
export function processOutput(): Output {
  let isGone = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isGone = true;
  });
  return {
    line(text) {
      if (isGone) return false;
      if (process.stdout.write(`${text}\n`)) return true;
      return new Promise((resolve) => {
        const done = (): void => {
          process.stdout.off('drain', done);
          process.stdout.off('error', done);
          resolve(!isGone);
        };
        process.stdout.on('drain', done);
        process.stdout.on('error', done);
      });
    },
    problem(text) {
      process.stderr.write(`${text}\n`);
    },
  };
}
