import type { z } from 'zod';
import { UsageError } from '../usage-error.js';
import { constantCase, kebabCase } from './names.js';

/** A process has one strict object of settings; each has a description and, mostly, a default. */
export type SettingsSchema = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

/** Settings by their names. */
export type SettingValues = Readonly<Record<string, unknown>>;

/** Where settings are given, the strongest first. */
export interface SettingSources {
  /** By name as in the schema; undefined: not given. */
  readonly flags: SettingValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Beginnings of the names of variables, the strongest first, as 'DOUG_NODE_'. */
  readonly prefixes: readonly string[];
  readonly file?: SettingsFile | undefined;
}

/** A config file that was read. */
export interface SettingsFile {
  readonly path: string;
  readonly values: SettingValues;
}

/**
 * The settings that hold: flags, then the environment, then the file, then the defaults.
 * @throws UsageError that names the flag, variable or key
 */
export function resolveSettings<S extends SettingsSchema>(
  schema: S,
  { flags, env, prefixes, file }: SettingSources,
): Readonly<z.infer<S>> {
  for (const key of Object.keys(file?.values ?? {})) {
    if (!(key in schema.shape)) throw new UsageError(`${file?.path}: unknown key '${key}'`);
  }
  const values: Record<string, unknown> = {};
  const origin: Record<string, string> = {};
  for (const key of Object.keys(schema.shape)) {
    const variables = prefixes.map((prefix) => `${prefix}${constantCase(key)}`);
    const candidates: [string, unknown][] = [
      [`--${kebabCase(key)}`, flags[key]],
      ...variables.map((name): [string, unknown] => [name, env[name]]),
      [`${file?.path}: ${key}`, file?.values[key]],
    ];
    const given = candidates.find(([, value]) => value !== undefined && value !== '');
    if (given === undefined) continue;
    [origin[key], values[key]] = given;
  }
  const parsed = schema.safeParse(values);
  if (!parsed.success) throw new UsageError(describeIssue(parsed.error.issues[0], origin));
  return Object.freeze(parsed.data);
}

function describeIssue(
  issue: z.core.$ZodIssue | undefined,
  origin: Readonly<Record<string, string>>,
): string {
  const key = String(issue?.path[0] ?? '');
  return `${origin[key] ?? key}: ${issue?.message ?? 'not valid'}`;
}
