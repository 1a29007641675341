import type { FileSystem } from '@dougdb/ports';
import { codeOf } from '../encoding/error-code.js';
import { parentOf } from './file-names.js';

const NOT_OURS: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/**
 * Makes the way to a directory durable, up to the root: which of the directories are new is not known, for
 * an earlier try may have made them and failed before it could sync their names.
 */
export async function durableAncestors(fs: FileSystem, dir: string): Promise<void> {
  for (let at = dir; parentOf(at) !== at; at = parentOf(at)) {
    try {
      await fs.syncDir(parentOf(at));
    } catch (error) {
      // A directory that we may not open is not one that we made.
      if (!NOT_OURS.has(codeOf(error) ?? '')) throw error;
    }
  }
}
