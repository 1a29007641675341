import type { FileSystem } from '@dougdb/ports';
import { isLevelDb } from '../../leveldb/directory.js';
import { parseLevelDbName } from '../../leveldb/file-names.js';
import { parentOf } from '../../manifest/file-names.js';

/** What a path on the command line is. */
export type Target =
  | { readonly kind: 'database' | 'leveldb' | 'table'; readonly path: string }
  | {
      readonly kind: 'manifest';
      readonly path: string;
      readonly dir: string;
      readonly number: number;
    }
  | { readonly kind: 'leveldb-manifest' | 'leveldb-log'; readonly path: string };

/** Magic of a record log, in which our manifests stand. */
const RECORD_MAGIC = 'DOUGREC\0';

/** null: there is nothing under this name. @throws what the file system throws */
export function targetOf(fs: FileSystem, path: string): Target | null {
  const stat = fs.stat(path);
  if (stat === null) return null;
  if (stat.kind === 'directory') {
    return { kind: isLevelDb(fs.list(path)) ? 'leveldb' : 'database', path };
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  const parsed = parseLevelDbName(name);
  if (parsed?.kind === 'log') return { kind: 'leveldb-log', path };
  if (parsed?.kind !== 'manifest') return { kind: 'table', path };
  // Both kinds of database name their manifests alike.
  if (!beginsWith(fs, path, RECORD_MAGIC)) return { kind: 'leveldb-manifest', path };
  const dir = path.includes('/') ? parentOf(path) : '.';
  return { kind: 'manifest', path, dir, number: parsed.number };
}

function beginsWith(fs: FileSystem, path: string, magic: string): boolean {
  const file = fs.open(path, 'read');
  try {
    const bytes = new Uint8Array(magic.length);
    return (
      file.readSync(bytes, 0, bytes.length, 0) === bytes.length &&
      String.fromCharCode(...bytes) === magic
    );
  } finally {
    file.close();
  }
}
