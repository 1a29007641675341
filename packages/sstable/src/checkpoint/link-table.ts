import { crc32, type File, type FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf } from '../encoding/error-code.js';
import type { TableMeta } from '../table/table-meta.js';

const CHUNK_BYTES = 256 * 1024;

/** What a file system says that cannot give this file another name here. */
const CANNOT_LINK: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

/**
 * Gives a table a second name, or a second copy where that is not possible. A copy is synced and has the
 * checksum that the manifest names; a link has whatever the table has. The new name is not synced.
 * @throws SstError SST_CORRUPT; and what the file system throws
 */
export async function linkTable(
  fs: FileSystem,
  from: string,
  to: string,
  meta: TableMeta,
): Promise<'linked' | 'copied'> {
  try {
    fs.link(from, to);
    return 'linked';
  } catch (error) {
    if (!CANNOT_LINK.has(codeOf(error) ?? '')) throw error;
  }
  const source = fs.open(from, 'read');
  try {
    const target = fs.open(to, 'create');
    try {
      await copy(source, target, meta);
      await target.datasync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
  return 'copied';
}

async function copy(source: File, target: File, meta: TableMeta): Promise<void> {
  const { path } = source;
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, meta.sizeBytes));
  let crc = 0;
  for (let at = 0; at < meta.sizeBytes; ) {
    const read = await source.read(chunk, 0, Math.min(chunk.length, meta.sizeBytes - at), at);
    if (read === 0)
      throw corrupt(`${path} ends at ${at}, should have ${meta.sizeBytes} bytes`, path, at);
    crc = crc32(chunk, crc, 0, read);
    await target.write(chunk, 0, read, at);
    at += read;
  }
  if (crc !== meta.fileCrc || source.sizeSync() !== meta.sizeBytes) {
    throw corrupt(`${path} is not the file that the manifest names: its checksum differs`, path, 0);
  }
}

function corrupt(message: string, file: string, offset: number): SstError {
  return new SstError(SstErrorCode.Corrupt, message, { file, offset });
}
