import { kebabCase } from './names.js';
import type { SettingsSchema } from './resolve-settings.js';

/** The table of settings in a README, made from the schema. */
export function settingsTable(schema: SettingsSchema): string {
  const rows = Object.entries(schema.shape).map(([key, setting]) => {
    const preset = setting.safeParse(undefined).data;
    const shown = preset === undefined || Array.isArray(preset) ? '' : `\`${String(preset)}\``;
    return `| \`--${kebabCase(key)}\` | \`${key}\` | ${shown} | ${setting.description ?? ''} |`;
  });
  return ['| flag | key | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
