import type { FileSystem } from '@dougdb/ports';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { join, manifestName, parentOf, tableName } from '../manifest/file-names.js';
import type { ManifestState } from '../manifest/manifest-state.js';
import { TableReader } from '../table/table-reader.js';
import type { Recovered } from './recovery.js';

export interface EvidenceOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly quarantineDir: string;
}

/**
 * Keeps what the last edit of a torn manifest may have named. Almost always a crash cut that edit off before it
 * counted. But rot looks the same in the moment before the next record promises the edit, and then its table
 * holds writes that the host has cut from its log since. So the manifest and every whole table with writes behind
 * the state that is left get a second name in quarantine, durably, before the first one is removed. Where that
 * cannot be done, the tables stay where they are under names that nothing removes.
 *
 * Answers the names given.
 * @throws SstError SST_IO, SST_NO_SPACE: then nothing may be removed
 */
export async function keepTornEvidence(
  options: EvidenceOptions,
  { current, state, files, isHalfMade }: Recovered,
): Promise<string[]> {
  if (current === null) return [];
  const { fs, dir } = options;
  const tables = files.flatMap((file) => {
    const mayCount = file.kind === 'table' && isHalfMade(file.number);
    return mayCount ? (idOfNewer(fs, dir, file.number, state) ?? []) : [];
  });
  if (tables.length === 0) return [];
  try {
    return await quarantine(options, current.number, tables);
  } catch {
    // For want of space, or because quarantine lies on another file system.
    return await renameInPlace(options, tables);
  }
}

interface NewerTable {
  readonly number: number;
  readonly id: string;
}

async function quarantine(
  { fs, dir, quarantineDir }: EvidenceOptions,
  manifest: number,
  tables: readonly NewerTable[],
): Promise<string[]> {
  fs.mkdir(quarantineDir);
  const kept: string[] = [];
  for (const { number, id } of tables) {
    for (const [name, kind] of [
      [tableName(number), 'table'],
      [manifestName(manifest), 'manifest'],
    ] as const) {
      const path = join(quarantineDir, `sst-${id}.${kind}`);
      // One that is there already was given by a start before this one.
      if (fs.stat(path) === null) fs.link(join(dir, name), path);
      kept.push(path);
    }
  }
  await fs.syncDir(quarantineDir);
  await fs.syncDir(parentOf(quarantineDir));
  return kept;
}

async function renameInPlace(
  { fs, dir }: EvidenceOptions,
  tables: readonly NewerTable[],
): Promise<string[]> {
  try {
    const kept = tables.map(({ number }) => {
      const path = join(dir, `torn-${tableName(number)}`);
      fs.rename(join(dir, tableName(number)), path);
      return path;
    });
    await fs.syncDir(dir);
    return kept;
  } catch (error) {
    throw toSstError(error, `keeping tables of a torn edit in ${dir}`, dir);
  }
}

/** Number and identity of a whole table that holds writes behind the state; null for any other. */
function idOfNewer(
  fs: FileSystem,
  dir: string,
  number: number,
  state: ManifestState,
): NewerTable | null {
  let reader: TableReader | null = null;
  try {
    reader = TableReader.open(fs, join(dir, tableName(number)), null, null);
    const { tableId } = reader;
    const properties = reader.properties();
    // No edit of ours names a table of LevelDB's.
    if (tableId === null || properties === null) return null;
    if (properties.largestSequence <= state.lastSequence) return null;
    return { number, id: hexOf(tableId) };
  } catch (error) {
    // Half a table is what a crash leaves behind a job: nothing that an edit could have named.
    if (codeOf(error) === 'SST_IO') throw error;
    return null;
  } finally {
    reader?.close();
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
