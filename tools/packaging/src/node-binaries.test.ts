import { join } from 'node:path';
import { supportedNodes } from './node-binaries.js';
import { readManifest } from './workspace.js';

it('tries the least Node that the packages say they run on', () => {
  const root = readManifest(join(__dirname, '../../..'));
  expect(root.engines).toEqual({ node: `>=${supportedNodes[0]}` });
});
