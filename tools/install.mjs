// Installs what the workspace needs, once for each state of the lockfile.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs `npm ci` if node_modules does not belong to this lockfile. */
export function ensureInstalled() {
  const stamp = `${root}node_modules/.installed-for`;
  const wanted = createHash('sha256')
    .update(readFileSync(`${root}package-lock.json`))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('installing dependencies (npm ci) ...');
  // No install scripts: nothing here needs one, and none should run unasked.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, wanted);
}

/** Compiles the workspace; fast when nothing changed. */
export function build() {
  run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b']);
}

/** Runs a command in the root with its output shown; ends this process if it fails. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} failed (exit ${status})`);
    process.exit(1);
  }
}
