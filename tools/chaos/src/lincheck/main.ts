// npm run lincheck -- FILE...: whether histories are linearizable.
import { readFileSync } from 'node:fs';
import { runAsProcess } from '../command-line.js';
import { lincheck } from './lincheck.js';

runAsProcess((args, output) =>
  lincheck(args, {
    ...output,
    readFile: (path) => readFileSync(path),
    nowMs: () => performance.now(),
  }),
);
