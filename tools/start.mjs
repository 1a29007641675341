// npm start: five members and a facade on loopback from a fresh clone. npm start -- --once: the whole story, unattended.
import { spawn } from 'node:child_process';
import { build, ensureInstalled, root } from './install.mjs';

const args = process.argv.slice(2);
ensureInstalled();
build();

if (args.includes('--once')) {
  const { once } = await import('./once.mjs');
  process.exitCode = await once();
} else {
  const child = spawn(process.execPath, [`${root}apps/node/bin/doug-node.mjs`, 'dev', ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  // The child is in the same process group and gets Ctrl-C itself; SIGTERM must be passed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal ? 1 : 0);
  });
}
