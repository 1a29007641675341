import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dirs: string[] = [];

/** A directory for one test. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'doug-e2e-'));
  dirs.push(dir);
  return dir;
}

/** Removes all directories that this test file has made. */
export function removeTempDirs(): void {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
}
