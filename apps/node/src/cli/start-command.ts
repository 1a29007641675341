import { runProcess, stderrLogger } from '@dougdb/host/node';
import { resolveConfig } from '../config/resolve.js';
import { RunningNode } from '../running-node.js';

/** `doug-node start`: runs until a signal, then sets the exit code. @throws UsageError */
export async function runStart(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const configFile = flags.config === undefined ? undefined : String(flags.config);
  const config = resolveConfig(flags, process.env, configFile);
  // Also what lmdb makes is nobody else's to read.
  process.umask(0o077);
  const logger = stderrLogger(config.logLevel, config.name);
  const withTestHooks = process.env.DOUG_TEST_HOOKS === '1';
  await runProcess({
    logger,
    start: (onFatal) => RunningNode.start({ config, logger, withTestHooks, onFatal }),
    started: (node) =>
      logger.info('node.listening', { grpc: node.grpcAddress, admin: node.adminAddress }),
    ready: (node) => console.log(readyLine(config.name, node)),
  });
}

/** What tells scripts that the member serves, and where. */
function readyLine(name: string, node: RunningNode): string {
  return `doug-node ready name=${name} grpc=${node.grpcAddress} admin=${node.adminAddress} pid=${process.pid}`;
}
