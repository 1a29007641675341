/**
 * What every DougDB process has and what belongs to none of them alone. This part is pure: settings
 * from flags, environment and file, addresses, the error of a command line that makes no sense. Logs,
 * metrics, probes, gRPC health and reflection, signals are in `@dougdb/host/node`.
 *
 * @example
 * ```ts
 * import { fields, resolveSettings } from '@dougdb/host';
 * import { z } from 'zod';
 *
 * const schema = z.strictObject({ listen: fields.listenAddress.default('127.0.0.1:0').describe('where') });
 * const { listen } = resolveSettings(schema, { flags: {}, env: {}, prefixes: ['DOUG_'] });
 * ```
 * @packageDocumentation
 */
export { addressOf, hostOf, isLoopback, portOf } from './address.js';
export { checkExposure, type Exposure } from './settings/exposure.js';
export * as fields from './settings/fields.js';
export { kebabCase } from './settings/names.js';
export {
  resolveSettings,
  type SettingSources,
  type SettingsFile,
  type SettingsSchema,
  type SettingValues,
} from './settings/resolve-settings.js';
export { type SettingFlag, settingFlags } from './settings/setting-flags.js';
export { settingsTable } from './settings/settings-table.js';
export { UsageError } from './usage-error.js';
