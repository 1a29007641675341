import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { type NodeConfig, nodeSchema } from './schema.js';
import { UsageError } from './usage-error.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Values = Readonly<Record<string, unknown>>;

/**
 * The settings that hold: flags, then DOUG_NODE_*, then DOUG_*, then the file, then the defaults.
 * @param flags - by name as in the schema; undefined: not given
 * @throws UsageError that names the flag, variable or key
 */
export function resolveConfig(
  flags: Values,
  env: Environment,
  configFile: string | undefined,
): NodeConfig {
  const file = configFile === undefined ? {} : readConfigFile(configFile);
  for (const key of Object.keys(file)) {
    if (!(key in nodeSchema.shape)) {
      throw new UsageError(`${configFile}: unknown key '${key}'`);
    }
  }
  const values: Record<string, unknown> = {};
  const origin: Record<string, string> = {};
  for (const key of Object.keys(nodeSchema.shape)) {
    const variable = constantCase(key);
    const candidates: [string, unknown][] = [
      [`--${kebabCase(key)}`, flags[key]],
      [`DOUG_NODE_${variable}`, env[`DOUG_NODE_${variable}`]],
      [`DOUG_${variable}`, env[`DOUG_${variable}`]],
      [`${configFile}: ${key}`, file[key]],
    ];
    const given = candidates.find(([, value]) => value !== undefined && value !== '');
    if (given === undefined) continue;
    [origin[key], values[key]] = given;
  }
  const parsed = nodeSchema.safeParse(values);
  if (!parsed.success) throw new UsageError(describeIssue(parsed.error.issues[0], origin));
  checkExposure(parsed.data);
  return Object.freeze(parsed.data);
}

/** `dataDir` as a flag. */
export function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address);
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Host of HOST:PORT, without brackets. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function constantCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function readConfigFile(path: string): Values {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UsageError(`--config ${path}: ${(cause as Error).message}`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`--config ${path}: must hold one JSON object`);
  }
  return parsed as Values;
}

function describeIssue(
  issue: z.core.$ZodIssue | undefined,
  origin: Readonly<Record<string, string>>,
): string {
  const key = String(issue?.path[0] ?? '');
  return `${origin[key] ?? key}: ${issue?.message ?? 'not valid'}`;
}

/** Without TLS and authentication whoever reaches the port owns the data. */
function checkExposure(config: NodeConfig): void {
  for (const [flag, address] of [
    ['--listen', config.listen],
    ['--admin', config.admin],
  ] as const) {
    if (!isLoopback(address) && !config.insecure) {
      throw new UsageError(
        `${flag} ${address} is not loopback: there is no TLS yet, so it needs --insecure`,
      );
    }
  }
  const host = hostOf(config.listen);
  if ((host === '0.0.0.0' || host === '::') && config.advertise === undefined) {
    throw new UsageError(
      `--listen ${config.listen} needs --advertise HOST:PORT: nobody reaches a member at ${host}`,
    );
  }
}
