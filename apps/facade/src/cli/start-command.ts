import { runProcess, stderrLogger } from '@dougdb/host/node';
import type { Random } from '@dougdb/ports';
import { resolveConfig } from '../config/resolve.js';
import { RunningFacade } from '../running-facade.js';

/** Runs a facade until a signal, then ends the process. @throws UsageError */
export async function runFacade(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const configFile = flags.config === undefined ? undefined : String(flags.config);
  const config = resolveConfig(flags, process.env, configFile);
  const logger = stderrLogger(config.logLevel, config.name);
  const forgedMap = await forgery(process.env.DOUG_TEST_FORGED_MAP);
  await runProcess({
    logger,
    start: () => RunningFacade.start({ config, logger, forgedMap }),
    started: (facade) =>
      logger.info('facade.listening', { grpc: facade.grpcAddress, admin: facade.adminAddress }),
    ready: (facade) => console.log(readyLine(config.name, facade)),
  });
}

/** What tells scripts that the facade serves, and where. */
function readyLine(name: string, facade: RunningFacade): string {
  return `doug-facade ready name=${name} grpc=${facade.grpcAddress} admin=${facade.adminAddress} pid=${process.pid}`;
}

/** A switch for tests alone: what makes the map wrong costs nothing where it is off. */
async function forgery(seed: string | undefined): Promise<Random | undefined> {
  if (seed === undefined || seed === '') return undefined;
  const { SimRandom } = await import('@dougdb/ports/sim');
  return new SimRandom(seed);
}
