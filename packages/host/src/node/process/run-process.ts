import type { Logger } from '@dougdb/ports';

/** A stop that takes longer is cut off. */
const STOP_LIMIT_MS = 10_000;
const INTERNAL_ERROR = 1;

/** What a process runs. */
export interface Runnable {
  /** Resolves when it serves for the first time; rejects when it never will. */
  whenReady(): Promise<void>;
  /** Finishes what is in flight and closes everything. */
  stop(): Promise<void>;
}

/** How a process is run. */
export interface ProcessOptions<R extends Runnable> {
  readonly logger: Logger;
  /**
   * @param onFatal - the process must end with this exit code
   * @throws an error whose `exitCode` is that of the process; 2 is thrown on, the rest is logged
   */
  readonly start: (onFatal: (exitCode: number, error: unknown) => void) => Promise<R>;
  /** It listens, and may not be ready yet. */
  readonly started: (running: R) => void;
  /** It is ready. */
  readonly ready: (running: R) => void;
}

/**
 * Runs something until SIGTERM or SIGINT, then stops it and ends the process: exit code 0, or the one
 * of what went wrong. A second signal ends it at once. A process that was started with an IPC channel
 * also stops when its parent is gone.
 */
export async function runProcess<R extends Runnable>(options: ProcessOptions<R>): Promise<void> {
  const { logger } = options;
  let running: R | null = null;
  let stopping = false;

  const die = (exitCode: number, event: string, error: unknown): void => {
    logger.error(event, { exitCode, reason: (error as Error)?.message ?? String(error) });
    // What is not durable was never promised: there is nothing left to save.
    process.exit(exitCode);
  };
  process.on('uncaughtException', (error) => die(INTERNAL_ERROR, 'process.uncaught', error));
  process.on('unhandledRejection', (error) => die(INTERNAL_ERROR, 'process.unhandled', error));

  const stop = (reason: string): void => {
    if (stopping || running === null)
      die(stopping ? INTERNAL_ERROR : 0, 'process.stop.now', reason);
    stopping = true;
    logger.info('process.stop', { reason });
    setTimeout(
      () => die(0, 'process.stop.late', `not done after ${STOP_LIMIT_MS} ms`),
      STOP_LIMIT_MS,
    );
    running?.stop().then(
      () => process.exit(0),
      (error: unknown) => die(INTERNAL_ERROR, 'process.stop.failed', error),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  // Started by another program that is gone without a word: nobody would ever stop this process.
  if (process.channel !== undefined) {
    process.on('disconnect', () => stop('the parent is gone'));
    process.channel.unref();
  }

  try {
    running = await options.start((exitCode, error) => die(exitCode, 'process.fatal', error));
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (exitCode === 2) throw error;
    die(exitCode, 'process.refused', error);
    return;
  }
  options.started(running);
  try {
    await running.whenReady();
  } catch (error) {
    // What is told to stop before it was ready never will be: that is no failure.
    if (!stopping) throw error;
  }
  if (!stopping) options.ready(running);
}

function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === 'number' ? code : INTERNAL_ERROR;
}
