import { kebabCase } from './names.js';
import type { SettingsSchema } from './resolve-settings.js';

/** A setting on the command line. */
export interface SettingFlag {
  /** As `--data-dir <value>`. */
  readonly flag: string;
  readonly help: string;
}

/** One flag for each setting of the schema, with its help and default from there. */
export function settingFlags(schema: SettingsSchema): SettingFlag[] {
  return Object.entries(schema.shape).map(([key, setting]) => {
    const preset = setting.safeParse(undefined).data;
    const isSwitch = typeof preset === 'boolean';
    const isList = Array.isArray(preset);
    const argument = isSwitch ? '' : isList ? ' <a,b,...>' : ' <value>';
    const shown = isSwitch || isList || preset === undefined ? '' : ` (default: ${String(preset)})`;
    return {
      flag: `--${kebabCase(key)}${argument}`,
      help: `${setting.description ?? ''}${shown}`,
    };
  });
}
