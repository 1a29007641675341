import { kebabCase } from './resolve.js';
import { nodeSchema } from './schema.js';

/** The table of settings in the README, made from the schema. */
export function settingsTable(): string {
  const rows = Object.entries(nodeSchema.shape).map(([key, schema]) => {
    const preset = schema.safeParse(undefined).data;
    const shown = preset === undefined || Array.isArray(preset) ? '' : `\`${preset}\``;
    return `| \`--${kebabCase(key)}\` | \`${key}\` | ${shown} | ${schema.description ?? ''} |`;
  });
  return ['| flag | key | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
