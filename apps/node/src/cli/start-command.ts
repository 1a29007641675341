import { resolveConfig } from '../config/resolve.js';
import { RunningNode } from '../running-node.js';
import { stderrLogger } from '../telemetry/pino-logger.js';

/** A stop that takes longer is cut off. */
const STOP_LIMIT_MS = 10_000;
const INTERNAL_ERROR = 1;

/** `doug-node start`: runs until a signal, then sets the exit code. @throws UsageError */
export async function runStart(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const configFile = flags.config === undefined ? undefined : String(flags.config);
  const config = resolveConfig(flags, process.env, configFile);
  // Also what lmdb makes is nobody else's to read.
  process.umask(0o077);
  const logger = stderrLogger(config.logLevel, config.name);
  let node: RunningNode | null = null;
  let stopping = false;

  const die = (exitCode: number, event: string, error: unknown): void => {
    logger.error(event, { exitCode, reason: (error as Error)?.message ?? String(error) });
    // What is not durable was never promised: there is nothing left to save.
    process.exit(exitCode);
  };
  process.on('uncaughtException', (error) => die(INTERNAL_ERROR, 'process.uncaught', error));
  process.on('unhandledRejection', (error) => die(INTERNAL_ERROR, 'process.unhandled', error));

  const stop = (reason: string): void => {
    if (stopping || node === null) die(stopping ? INTERNAL_ERROR : 0, 'process.stop.now', reason);
    stopping = true;
    logger.info('process.stop', { reason });
    setTimeout(
      () => die(0, 'process.stop.late', `not done after ${STOP_LIMIT_MS} ms`),
      STOP_LIMIT_MS,
    );
    node?.stop().then(
      () => process.exit(0),
      (error: unknown) => die(INTERNAL_ERROR, 'process.stop.failed', error),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  // Started by `doug-node dev`, which is gone without a word: nobody would ever stop this process.
  if (process.channel !== undefined) {
    process.on('disconnect', () => stop('the parent is gone'));
    process.channel.unref();
  }

  try {
    node = await RunningNode.start({
      config,
      logger,
      onFatal: (exitCode, error) => die(exitCode, 'process.fatal', error),
    });
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (exitCode === 2) throw error;
    die(exitCode, 'process.refused', error);
    return;
  }
  logger.info('node.listening', { grpc: node.grpcAddress, admin: node.adminAddress });
  try {
    await node.whenReady();
  } catch (error) {
    // A node that is told to stop before it was ready never will be: that is no failure.
    if (!stopping) throw error;
  }
  if (!stopping) console.log(readyLine(config.name, node));
}

/** What tells scripts that the member serves, and where. */
function readyLine(name: string, node: RunningNode): string {
  return `doug-node ready name=${name} grpc=${node.grpcAddress} admin=${node.adminAddress} pid=${process.pid}`;
}

function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === 'number' ? code : INTERNAL_ERROR;
}
