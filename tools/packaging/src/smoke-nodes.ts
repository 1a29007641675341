// The smoke test on every line of Node that is supported; the binaries come from the registry.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchNode, supportedNodes } from './node-binaries.js';
import { packAll } from './pack.js';
import { smokeTest } from './smoke-test.js';
import { developmentTools, publishablePackages, root } from './workspace.js';

const directory = mkdtempSync(join(tmpdir(), 'doug-smoke-nodes-'));
const failed: string[] = [];
try {
  const packages = publishablePackages();
  const tarballs = await packAll(root, packages, directory);
  for (const version of supportedNodes) {
    console.log(`\nNode ${version} (${process.platform} ${process.arch})`);
    try {
      await smokeTest({
        directory: join(directory, `consumer-${version}`),
        node: await fetchNode(version, join(directory, `node-${version}`)),
        specifiers: [...tarballs.map(({ file }) => file), ...developmentTools()],
        manifests: packages.map(({ manifest }) => manifest),
        say: (text) => console.log(`  ${text}`),
      });
    } catch (error) {
      failed.push(version);
      console.log(error);
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(`\n${supportedNodes.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
