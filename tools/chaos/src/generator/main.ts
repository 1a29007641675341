// npm run lincheck:generate -- --out FILE: a seeded history, to measure the checker and to try it out.
import { writeFileSync } from 'node:fs';
import { runAsProcess } from '../command-line.js';
import { generateCommand } from './generate-command.js';

runAsProcess((args, output) =>
  generateCommand(args, { ...output, writeFile: (path, text) => writeFileSync(path, text) }),
);
