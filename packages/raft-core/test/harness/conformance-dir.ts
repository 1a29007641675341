import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder with foreign conformance data, or null where it is not there. */
export function conformanceDir(...path: string[]): string | null {
  const root = resolve(__dirname, '../../../..');
  const base = process.env.DOUG_CONFORMANCE_DIR ?? join(root, '../shared/conformance');
  const dir = join(base, ...path);
  return existsSync(dir) ? dir : null;
}
