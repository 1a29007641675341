import { type Logger, silentLogger } from '@dougdb/ports';
import { resolveConfig } from './config/resolve.js';
import type { NodeConfig } from './config/schema.js';
import { RunningNode } from './running-node.js';

/** Settings by name (see the README's table); what is left out has its default. */
export interface StartNodeOptions extends Partial<NodeConfig> {
  /** Default: silent. */
  readonly logger?: Logger;
  /** The node had to give up (disk failure, foreign data directory). Default: nothing is done. */
  readonly onFatal?: (exitCode: number, error: unknown) => void;
}

/**
 * Starts a member in this process. Environment variables and config files are not looked at.
 * @throws UsageError, MemberError
 */
export async function startNode(options: StartNodeOptions = {}): Promise<RunningNode> {
  const { logger = silentLogger, onFatal = () => undefined, ...settings } = options;
  return RunningNode.start({ config: resolveConfig(settings, {}, undefined), logger, onFatal });
}
