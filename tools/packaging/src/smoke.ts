// The packed tarballs, installed by one `npm i` into an empty folder and used, on the running Node.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packAll } from './pack.js';
import { smokeTest } from './smoke-test.js';
import { developmentTools, publishablePackages, root } from './workspace.js';

const directory = mkdtempSync(join(tmpdir(), 'doug-smoke-'));
try {
  const packages = publishablePackages();
  const tarballs = await packAll(root, packages, directory);
  await smokeTest({
    directory: join(directory, 'consumer'),
    node: process.execPath,
    specifiers: [...tarballs.map(({ file }) => file), ...developmentTools()],
    manifests: packages.map(({ manifest }) => manifest),
    say: (text) => console.log(text),
  });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
