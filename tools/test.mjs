// npm test: everything that must hold, from a fresh clone. Every step is told with its time; the last
// line is "N passed, N failed". A check that is one command counts as one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

const began = Date.now();
const totals = { passed: 0, failed: 0 };
const notRun = [];
const bin = (name) => `${root}node_modules/.bin/${name}`;

ensureInstalled();
step('compile (tsc -b)', bin('tsc'), ['-b']);
step('format and lint (biome)', bin('biome'), ['check', '--error-on-warnings', '.']);
step('typed lint, import table, effects (eslint)', bin('eslint'), ['.']);
step('protos: lint', 'npm', ['run', '-s', 'lint:proto', '-w', '@dougdb/rpc-proto']);
step('protos: no breaking change', 'npm', ['run', '-s', 'breaking', '-w', '@dougdb/rpc-proto']);
step('protos: generated code is current', 'npm', [
  'run',
  '-s',
  'check:generated',
  '-w',
  '@dougdb/rpc-proto',
]);
step('guarantees have a check and a test', process.execPath, ['tools/check-guarantees.mjs']);
step('lockfile is pinned and complete', process.execPath, ['tools/check-lock.mjs']);
step('packages: manifests, dependencies, lists of files, types (publint, attw)', process.execPath, [
  'tools/packaging/dist/check-packages.js',
]);
step('packages: public interfaces are as reported', process.execPath, [
  'tools/packaging/dist/check-api.js',
]);
step('packages: installed from their tarballs and used', process.execPath, [
  'tools/packaging/dist/smoke.js',
]);
jest();
step('npm start -- --once', process.execPath, ['tools/start.mjs', '--once']);

if (notRun.length > 0)
  console.log(`\nnot run here:\n${notRun.map((line) => `  ${line}`).join('\n')}`);
console.log(`\ntotal time ${Math.round((Date.now() - began) / 1000)} s`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function step(title, command, args) {
  const result = timed(title, () =>
    spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }),
  );
  const ok = result.status === 0;
  if (!ok) console.log(result.stdout, result.stderr, result.error ?? '');
  totals[ok ? 'passed' : 'failed']++;
  return ok;
}

function jest() {
  const dir = mkdtempSync(join(tmpdir(), 'doug-test-'));
  const output = join(dir, 'jest.json');
  const args = ['--json', '--outputFile', output, '--testLocationInResults', '--ci'];
  timed('unit, property, conformance, storage, simulator, end to end (jest)', () =>
    spawnSync(bin('jest'), args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  try {
    const report = JSON.parse(readFileSync(output, 'utf8'));
    totals.passed += report.numPassedTests;
    totals.failed += report.numFailedTests + report.numRuntimeErrorTestSuites;
    if (report.numPendingTests > 0) {
      totals.failed += report.numPendingTests;
      console.log(`${report.numPendingTests} tests are skipped: that is not allowed`);
    }
    for (const suite of report.testResults) {
      for (const test of suite.assertionResults) {
        if (test.title.startsWith('SKIPPED')) notRun.push(test.title);
      }
    }
  } catch (error) {
    console.log(`jest left no report: ${error.message}`);
    totals.failed++;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function timed(title, work) {
  const start = Date.now();
  console.log(`\n== ${title}`);
  const result = work();
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`   ${result.status === 0 ? 'ok' : `FAILED (exit ${result.status})`}, ${seconds} s`);
  return result;
}
