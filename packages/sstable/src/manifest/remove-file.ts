import type { FileSystem } from '@dougdb/ports';
import { codeOf } from '../encoding/error-code.js';

/**
 * Removes a file that nothing names any more. What stays is removed at the next open, so a failure is
 * no more than a message: answers the code of the error, null if the file is gone.
 */
export function removeFile(fs: FileSystem, path: string): string | null {
  try {
    fs.remove(path);
    return null;
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? null : (code ?? 'unknown');
  }
}
