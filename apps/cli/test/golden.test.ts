import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DougError, isCodeName, type OutcomeName } from '@dougdb/rpc-proto';
import { FakeDb } from './fake-db.js';
import { formatResult, type GoldenCase, type GoldenResult, parseGolden } from './golden-case.js';
import { runWith } from './run-doug.js';

// DOUG_GOLDEN=write puts what is printed now into the files: look at the difference.
const isWriting = process.env.DOUG_GOLDEN === 'write';
const dir = join(__dirname, 'golden');

/** Files that `doug import` finds. */
const files = {
  'users.ndjson': '{"key":"user/1","value":"Ada"}\n{"key":"user/2","value":"Eve"}\n',
  'bad.ndjson': '{"key":"user/1","value":"Ada"}\n{"key":"user/2"}\n',
};

describe.each(readdirSync(dir))('golden/%s', (name) => {
  const path = join(dir, name);
  const parts = parseGolden(readFileSync(path, 'utf8'));

  it('is what doug prints, on both streams, and ends with', async () => {
    const db = new FakeDb();
    const told: string[] = [];
    const wanted: string[] = [];
    const written: string[] = [];
    for (const part of parts) {
      if (part.kind === 'text') {
        written.push(...part.lines);
        continue;
      }
      const result = formatResult(await runCase(db, part.case));
      told.push(`$ ${part.case.command}`, result);
      wanted.push(`$ ${part.case.command}`, part.expected);
      written.push(...part.lines, result);
    }
    if (isWriting) writeFileSync(path, written.join('\n'));
    else expect(told.join('\n')).toBe(wanted.join('\n'));
    expect(told.length).toBeGreaterThan(0);
  });
});

async function runCase(db: FakeDb, { args, settings }: GoldenCase): Promise<GoldenResult> {
  const { stdin, env, tty, fail, others } = settings;
  applyFaults(db, fail, others);
  const ran = await runWith(() => Promise.resolve(db), args, {
    ...(stdin === undefined ? {} : { stdin }),
    ...(tty === undefined ? {} : { isTty: true, columns: tty }),
    ...{ env, files, signal: new AbortController().signal, steadyClock: true },
  });
  return { stdout: ran.stdoutBytes, stderr: Buffer.from(ran.stderr), exitCode: ran.exitCode };
}

function applyFaults(db: FakeDb, fail: string | undefined, others: readonly string[]): void {
  const { faults } = db;
  delete faults.fail;
  delete faults.resultLost;
  faults.down.clear();
  faults.foreign.clear();
  if (fail !== undefined) {
    const [code = '', outcome] = fail.split(' ');
    if (!isCodeName(code)) throw new Error(`no code ${code}`);
    faults.fail = new DougError(code, 'as told', { outcome: outcome as OutcomeName | undefined });
  }
  for (const other of others) {
    const [name, node] = other.split(' ');
    if (name === 'down') faults.down.add(Number(node));
    else if (name === 'foreign') faults.foreign.add(Number(node));
    else if (name === 'result-lost') faults.resultLost = true;
    else throw new Error(`unknown setting ${other}`);
  }
}
