import { type Logger, silentLogger } from '@dougdb/ports';
import { resolveConfig } from './config/resolve.js';
import type { FacadeConfig } from './config/schema.js';
import { RunningFacade } from './running-facade.js';

/** Settings by name (see the README's table); what is left out has its default. */
export interface StartFacadeOptions extends Partial<FacadeConfig> {
  /** Default: silent. */
  readonly logger?: Logger;
}

/**
 * Starts a facade in this process. Environment variables and config files are not looked at.
 * @throws UsageError
 */
export async function startFacade(options: StartFacadeOptions): Promise<RunningFacade> {
  const { logger = silentLogger, ...settings } = options;
  return RunningFacade.start({ config: resolveConfig(settings, {}, undefined), logger });
}
