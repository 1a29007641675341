import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, Service } from './command.js';
import { consumerEnv } from './consumer-env.js';

/** The last line of verdaccio that runs on Node 20. */
const VERDACCIO = '6.8.0';
/** It asks for a tag of node-fetch that not every registry has. */
const overrides = { 'node-fetch': '2.7.0' };

const INSTALL_MS = 300_000;
const START_MS = 60_000;

/** Listens on a port that the system chooses: verdaccio's own command cannot say which that was. */
const server = `
const { runServer } = require('verdaccio');
runServer('./config.json').then((server) => {
  server.listen(0, '127.0.0.1', () => console.log('listening on ' + server.address().port));
});
`;

/** A registry on loopback: what is published there stays there, the rest comes from the usual one. */
export interface LocalRegistry {
  /** With a slash at its end. */
  readonly url: string;
  /** Path of an npmrc with what publishing to it needs. */
  readonly npmrc: string;
  /** Ends it. */
  readonly close: () => void;
}

/**
 * Installs and starts verdaccio.
 * @param directory - not there yet; everything that it keeps
 * @param names - packages that are never asked of the usual registry
 */
export async function openRegistry(
  directory: string,
  names: readonly string[],
): Promise<LocalRegistry> {
  const env = consumerEnv(process.env, process.execPath);
  mkdirSync(directory, { recursive: true });
  const write = (name: string, content: unknown): string => {
    const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2);
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  write('package.json', { private: true, overrides });
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await run('npm', ['i', ...quietly, `verdaccio@${VERDACCIO}`], {
    cwd: directory,
    env,
    timeoutMs: INSTALL_MS,
  });
  const { stdout: upstream } = await run('npm', ['config', 'get', 'registry'], {
    cwd: directory,
    env,
  });
  write('config.json', configuration(upstream.trim(), names));
  write('server.cjs', server);
  const service = new Service(process.execPath, ['server.cjs'], { cwd: directory, env });
  const [, port] = await service.says(/^listening on (\d+)$/m, START_MS);
  const npmrc = write('npmrc', `//127.0.0.1:${port}/:_authToken=of-no-importance\n`);
  return { url: `http://127.0.0.1:${port}/`, npmrc, close: () => service.kill() };
}

function configuration(upstream: string, names: readonly string[]) {
  const ours = { access: '$all', publish: '$all' };
  return {
    storage: './storage',
    auth: { htpasswd: { file: './htpasswd' } },
    uplinks: { upstream: { url: upstream } },
    packages: {
      ...Object.fromEntries(names.map((name) => [name, ours])),
      '**': { access: '$all', proxy: 'upstream' },
    },
    log: { type: 'stdout', format: 'pretty', level: 'error', colors: false },
  };
}
