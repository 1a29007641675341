import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.js';
import { consumerEnv } from './consumer-env.js';

/** The least Node that `engines` allow, and the newest known of the lines after it. */
export const supportedNodes = ['20.19.0', '22.23.3', '24.21.0'] as const;

/**
 * Fetches a Node binary: the registry has it as a package for each platform.
 * @param directory - not there yet
 * @returns path of the binary
 * @throws an error if there is none of this version for this platform
 */
export async function fetchNode(version: string, directory: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}\n');
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['i', ...quietly, `${name}@${version}`], {
    cwd: directory,
    env: consumerEnv(process.env, process.execPath),
    timeoutMs: 600_000,
  });
  const node = join(directory, 'node_modules', name, 'bin', 'node');
  const { stdout } = await run(node, ['--version'], { cwd: directory });
  if (stdout !== `v${version}\n`) throw new Error(`${node} is ${stdout}, not v${version}`);
  return node;
}
