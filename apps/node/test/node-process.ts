import { join } from 'node:path';
import { Program } from '@dougdb/host/testing';

export { killLeftovers, removeTempDirs, tempDir, until } from '@dougdb/host/testing';

const BIN = join(__dirname, '../bin/doug-node.mjs');

/** The built `doug-node` as a user starts it. */
export function runNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  return new Program(BIN, args, env);
}

/** Flags of one member on free ports. */
export function memberArgs(dataDir: string, ...more: string[]): string[] {
  return [
    ...['start', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ...['--memory', '32', ...more],
  ];
}
