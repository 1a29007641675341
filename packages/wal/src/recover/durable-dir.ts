import type { FileSystem } from '@dougdb/ports';
import { parentOf } from '../segment-name.js';

/**
 * Makes a directory if it is missing, and its name durable in any case: the process that made it may have
 * died before it could do that.
 */
export async function makeDirDurably(fs: FileSystem, path: string): Promise<void> {
  const parents = [parentOf(path)];
  for (let at = parentOf(path); fs.stat(at) === null && parentOf(at) !== at; at = parentOf(at)) {
    parents.push(parentOf(at));
  }
  fs.mkdir(path);
  for (const parent of parents.reverse()) await fs.syncDir(parent);
}
