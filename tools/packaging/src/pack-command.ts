// npm run pack [-- DIR]: every package as npm would publish it, as tarballs in DIR (default .pack).
import { mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { packAll } from './pack.js';
import { publishablePackages, root } from './workspace.js';

const [given] = process.argv.slice(2);
const directory = resolve(given ?? `${root}/.pack`);
// The folder of the default is ours alone: tarballs of another version would be installed with the rest.
if (given === undefined) rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
const tarballs = await packAll(root, publishablePackages(), directory);
console.log(`${tarballs.length} packages in ${directory}`);
