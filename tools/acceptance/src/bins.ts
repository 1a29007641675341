import { fileURLToPath } from 'node:url';

const path = (relative: string): string =>
  fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

/** The commands as they are built, to be run by node. */
export const DOUG_NODE = path('apps/node/bin/doug-node.mjs');
export const DOUG_FACADE = path('apps/facade/bin/doug-facade.mjs');
export const DOUG = path('apps/cli/bin/doug.mjs');
/** buf: a gRPC client that is none of ours. A program of its own, not a script. */
export const BUF = path('node_modules/.bin/buf');
