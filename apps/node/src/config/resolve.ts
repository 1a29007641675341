import {
  checkExposure,
  hostOf,
  resolveSettings,
  type SettingSources,
  type SettingValues,
  UsageError,
} from '@dougdb/host';
import { readConfigFile } from '@dougdb/host/node';
import { type NodeConfig, nodeSchema } from './schema.js';

const prefixes = ['DOUG_NODE_', 'DOUG_'];

/**
 * The settings that hold: flags, then DOUG_NODE_*, then DOUG_*, then the file, then the defaults.
 * @param flags - by name as in the schema; undefined: not given
 * @throws UsageError that names the flag, variable or key
 */
export function resolveConfig(
  flags: SettingValues,
  env: SettingSources['env'],
  configFile: string | undefined,
): NodeConfig {
  const file = configFile === undefined ? undefined : readConfigFile(configFile);
  const config = resolveSettings(nodeSchema, { flags, env, prefixes, file });
  checkExposure(config);
  checkAdvertised(config);
  return config;
}

function checkAdvertised({ listen, advertise }: NodeConfig): void {
  const host = hostOf(listen);
  if ((host === '0.0.0.0' || host === '::') && advertise === undefined) {
    throw new UsageError(
      `--listen ${listen} needs --advertise HOST:PORT: nobody reaches a member at ${host}`,
    );
  }
}
