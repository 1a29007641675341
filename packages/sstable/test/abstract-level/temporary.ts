import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** A directory for one test, in memory where the system has a disk there: syncs cost nothing. */
export function temporary(): { readonly path: string; remove(): void } {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const path = mkdtempSync(`${base}/sst-level-`);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
