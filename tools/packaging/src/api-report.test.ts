import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiChanges, apiEntries, type Mode } from './api-report.js';
import type { WorkspacePackage } from './workspace.js';

jest.setTimeout(120_000);

let path: string;
let pkg: WorkspacePackage;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'doug-api-'));
  const conditions = { types: './dist/index.d.ts', default: './dist/index.js' };
  const manifest = {
    name: '@dougdb/wal',
    version: '0.1.0',
    exports: {
      '.': conditions,
      './node': { types: './dist/node/index.d.ts' },
      './package.json': './package.json',
    },
  };
  pkg = { folder: 'packages/wal', path, manifest };
  mkdirSync(join(path, 'dist/node'), { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify(manifest));
  declare('dist/index.d.ts', 'export declare function openLog(path: string): void;');
  declare('dist/node/index.d.ts', 'export declare const url: URL;');
});
afterEach(() => {
  rmSync(path, { recursive: true, force: true });
});

function declare(file: string, text: string): void {
  writeFileSync(join(path, file), `${text}\nexport {};\n`);
}

function changes(mode: Mode): readonly string[] {
  return apiChanges(apiEntries([pkg]), mode, join(path, 'temporary'));
}

it('names the reports after package and entry', () => {
  expect(apiEntries([pkg]).map(({ report }) => report)).toEqual(['wal.api.md', 'wal.node.api.md']);
});

it('misses reports, writes them, finds them current, and tells when the interface has changed', () => {
  const reports = ['packages/wal/etc/wal.api.md', 'packages/wal/etc/wal.node.api.md'];
  expect(changes('check')).toEqual(reports);
  expect(changes('update')).toEqual(reports);
  const written = readFileSync(join(path, 'etc/wal.api.md'), 'utf8');
  expect(written).toMatch('function openLog(path: string): void;');
  expect(changes('check')).toEqual([]);

  declare('dist/index.d.ts', 'export declare function openLog(path: URL): void;');
  writeFileSync(join(path, 'etc/wal.gone.api.md'), '');
  expect(changes('check')).toEqual([
    'packages/wal/etc/wal.api.md',
    'packages/wal/etc/wal.gone.api.md (there is no such entry)',
  ]);
  expect(readFileSync(join(path, 'etc/wal.api.md'), 'utf8')).toBe(written);
});
