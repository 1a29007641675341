// npm run conformance -- --dir DIR: runs each file under DIR that holds data-driven tests of etcd-io/raft
// (.txt, or anything with a line "----"), prints one line a file and, last, "N passed, N failed".
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runFile } from './run-file.js';

const { values } = parseArgs({
  options: { dir: { type: 'string' }, verbose: { type: 'boolean', default: false } },
});
if (values.dir === undefined) {
  console.error('usage: npm run conformance -- --dir DIR [--verbose]');
  process.exit(2);
}
process.exitCode = runDirectory(values.dir, { isVerbose: values.verbose });

function runDirectory(dir: string, { isVerbose }: { readonly isVerbose: boolean }): number {
  const totals = { passed: 0, failed: 0 };
  for (const name of filesOf(dir)) {
    const source = readFileSync(join(dir, name), 'utf8');
    if (!name.endsWith('.txt') && !/^----$/m.test(source)) continue;
    const { directives, failure } = runFile(source);
    totals[failure === null ? 'passed' : 'failed']++;
    if (failure === null) {
      console.log(`ok      ${name} (${directives} directives)`);
      continue;
    }
    console.log(`FAILED  ${name}:${failure.line} ${failure.cmd}: ${firstDifference(failure)}`);
    if (isVerbose) console.log(`--- expected\n${failure.expected}--- actual\n${failure.actual}`);
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1;
}

function filesOf(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(dir, name)).isFile())
      .sort();
  } catch (error) {
    console.error(`cannot read ${dir}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function firstDifference({ expected, actual }: { expected: string; actual: string }): string {
  const wanted = expected.split('\n');
  const got = actual.split('\n');
  const at = wanted.findIndex((line, i) => line !== got[i]);
  const i = at < 0 ? wanted.length : at;
  return `line ${i + 1} of the output is ${JSON.stringify(got[i] ?? '')}, expected ${JSON.stringify(wanted[i] ?? '')}`;
}
