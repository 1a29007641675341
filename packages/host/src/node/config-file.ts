import { readFileSync } from 'node:fs';
import type { SettingsFile } from '../settings/resolve-settings.js';
import { UsageError } from '../usage-error.js';

/** Reads the file of `--config`. @throws UsageError that names it */
export function readConfigFile(path: string): SettingsFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`--config ${path}: ${(cause as Error).message}`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`--config ${path}: must hold one JSON object`);
  }
  return { path, values: parsed as Record<string, unknown> };
}
