import {
  checkExposure,
  resolveSettings,
  type SettingSources,
  type SettingValues,
  UsageError,
} from '@dougdb/host';
import { readConfigFile } from '@dougdb/host/node';
import { type FacadeConfig, facadeSchema } from './schema.js';

const prefixes = ['DOUG_FACADE_', 'DOUG_'];

/**
 * The settings that hold: flags, then DOUG_FACADE_*, then DOUG_*, then the file, then the defaults.
 * @param flags - by name as in the schema; undefined: not given
 * @throws UsageError that names the flag, variable or key
 */
export function resolveConfig(
  flags: SettingValues,
  env: SettingSources['env'],
  configFile: string | undefined,
): FacadeConfig {
  const file = configFile === undefined ? undefined : readConfigFile(configFile);
  const config = resolveSettings(facadeSchema, { flags, env, prefixes, file });
  if (config.nodes.length === 0) {
    throw new UsageError('--nodes A,B,C: at least one node must be named');
  }
  checkExposure(config);
  return config;
}
