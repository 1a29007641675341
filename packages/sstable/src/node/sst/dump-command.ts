import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../../contract.js';
import { dumpManifest, tableEntries } from '../../inspect/dump.js';
import { decodeEdits, readFile, readLevelDb, userKeyOf } from '../../leveldb/directory.js';
import { decodeLogBatches } from '../../leveldb/write-batch.js';
import { currentManifest } from '../../manifest/current-manifest.js';
import { parseFileName, tableName } from '../../manifest/file-names.js';
import type { NewFile } from '../../manifest/version-edit.js';
import type { Output } from './output.js';
import { jsonBytes, showBytes, showHex } from './show.js';
import type { Target } from './target.js';

export interface DumpOptions {
  /** One JSON object a line. */
  readonly isJson: boolean;
  readonly keysOnly: boolean;
}

/** Prints what a table, manifest, log or directory holds. @throws SstError */
export async function dump(
  fs: FileSystem,
  target: Target,
  options: DumpOptions,
  output: Output,
): Promise<void> {
  for (const line of linesOf(fs, target, options)) {
    if (!(await output.line(line))) return;
  }
}

function linesOf(fs: FileSystem, target: Target, options: DumpOptions): Iterable<string> {
  switch (target.kind) {
    case 'table':
      return tableLines(fs, target.path, options);
    case 'database':
      return databaseLines(fs, target.path, options);
    case 'manifest':
      return manifestLines(fs, target.dir, target.number, options);
    case 'leveldb':
      return levelDbLines(fs, target.path, options);
    case 'leveldb-manifest':
      return levelDbManifestLines(fs, target.path, options);
    case 'leveldb-log':
      return levelDbLogLines(fs, target.path, options);
  }
}

function* tableLines(fs: FileSystem, path: string, options: DumpOptions): Generator<string> {
  const entries = tableEntries(fs, path);
  let next = entries.next();
  for (; next.done !== true; next = entries.next()) yield entryLine(next.value, options);
  if (options.isJson) return;
  const { format, tableId, sizeBytes, properties } = next.value;
  yield `# ${format === 'native' ? 'table' : "table of LevelDB's format"}, ${sizeBytes} bytes`;
  if (tableId !== null) yield `# id ${showHex(tableId)}`;
  if (properties === null) return;
  const { entries: count, deletions, dataBlocks, smallestSequence, largestSequence } = properties;
  yield `# ${count} entries, ${deletions} of them deletions, in ${dataBlocks} blocks`;
  yield `# keys ${showBytes(properties.smallest)} to ${showBytes(properties.largest)}, sequences ${smallestSequence} to ${largestSequence}`;
}

interface ShownEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly sequence: number;
  readonly kind: 'set' | 'delete';
  readonly marked?: boolean;
}

function entryLine(entry: ShownEntry, options: DumpOptions): string {
  const { key, value, sequence, kind, marked = false } = entry;
  const hasValue = kind === 'set' && !options.keysOnly;
  if (options.isJson) {
    const fields = { ...jsonBytes('key', key), sequence, kind, ...(marked ? { marked } : {}) };
    return JSON.stringify(hasValue ? { ...fields, ...jsonBytes('value', value) } : fields);
  }
  return `${showBytes(key)} @${sequence} ${kind}${marked ? ' marked' : ''}${hasValue ? ` ${showBytes(value)}` : ''}`;
}

function* databaseLines(fs: FileSystem, dir: string, options: DumpOptions): Generator<string> {
  const manifest = manifestThatCounts(fs, dir);
  const { files, identity, lastSequence, nextFileNumber, hostState, tail } = dumpManifest(
    fs,
    dir,
    manifest,
  );
  if (options.isJson) {
    for (const file of files) yield JSON.stringify(fileFields(file));
    return;
  }
  yield `# database ${showBytes(identity)}, manifest ${manifest}${tail === 'torn' ? ' (its last edit was cut off)' : ''}`;
  yield `# last sequence ${lastSequence}, next file ${nextFileNumber}, host state ${hostState === null ? 'none' : showBytes(hostState)}`;
  for (const file of files) yield fileLine(file);
}

function manifestThatCounts(fs: FileSystem, dir: string): number {
  const files = fs.list(dir).flatMap((name) => parseFileName(name) ?? []);
  const current = currentManifest(files);
  if (current !== null) return current.number;
  throw new SstError(SstErrorCode.Corrupt, `${dir} has no marker that names a manifest`, {
    file: dir,
    offset: 0,
  });
}

function* manifestLines(
  fs: FileSystem,
  dir: string,
  number: number,
  options: DumpOptions,
): Generator<string> {
  const { edits, tail, identity } = dumpManifest(fs, dir, number);
  if (!options.isJson) yield `# manifest ${number} of ${showBytes(identity)}`;
  for (const [i, edit] of edits.entries()) {
    if (options.isJson) {
      yield JSON.stringify({
        edit: i,
        ...(edit.lastSequence === undefined ? {} : { lastSequence: edit.lastSequence }),
        ...(edit.nextFileNumber === undefined ? {} : { nextFileNumber: edit.nextFileNumber }),
        ...(edit.hostState === undefined ? {} : jsonBytes('hostState', edit.hostState)),
        deletedFiles: edit.deletedFiles ?? [],
        newFiles: (edit.newFiles ?? []).map(fileFields),
      });
      continue;
    }
    yield `edit ${i}: last sequence ${edit.lastSequence ?? '-'}, next file ${edit.nextFileNumber ?? '-'}, host state ${edit.hostState === undefined ? '-' : showBytes(edit.hostState)}`;
    for (const file of edit.deletedFiles ?? []) {
      yield `  - level ${file.level} ${tableName(file.number)}`;
    }
    for (const file of edit.newFiles ?? []) yield `  + ${fileLine(file)}`;
  }
  if (tail === 'torn' && !options.isJson) yield '# the last edit was cut off before it was durable';
}

function fileLine({ level, table }: NewFile): string {
  return `level ${level} ${tableName(table.number)} ${table.sizeBytes} bytes, ${table.entries} entries, ${table.deletions} deletions, keys ${showBytes(table.smallest)} to ${showBytes(table.largest)}, sequences ${table.smallestSequence} to ${table.largestSequence}`;
}

function fileFields({ level, table }: NewFile): Record<string, unknown> {
  const { smallest, largest, tableId, ...numbers } = table;
  return {
    level,
    ...numbers,
    ...jsonBytes('smallest', smallest),
    ...jsonBytes('largest', largest),
    tableId: showHex(tableId),
  };
}

function* levelDbLines(fs: FileSystem, dir: string, options: DumpOptions): Generator<string> {
  const { manifest, tables, logs, lastSequence, isTorn } = readLevelDb(fs, dir);
  if (!options.isJson) {
    yield `# LevelDB's directory, ${manifest}${isTorn ? ' (its last edit was cut off)' : ''}`;
    yield `# last sequence ${lastSequence}, logs: ${logs.map(({ name }) => name).join(' ') || 'none'}`;
  }
  for (const table of tables) yield levelDbFileLine(table, table.name, options);
}

function levelDbFileLine(
  file: {
    readonly level: number;
    readonly sizeBytes: number;
    readonly smallest: Uint8Array;
    readonly largest: Uint8Array;
  },
  name: string,
  options: DumpOptions,
): string {
  const { level, sizeBytes } = file;
  const [smallest, largest] = [userKeyOf(file.smallest), userKeyOf(file.largest)];
  if (!options.isJson) {
    return `level ${level} ${name} ${sizeBytes} bytes, keys ${showBytes(smallest)} to ${showBytes(largest)}`;
  }
  const keys = { ...jsonBytes('smallest', smallest), ...jsonBytes('largest', largest) };
  return JSON.stringify({ level, name, sizeBytes, ...keys });
}

function* levelDbManifestLines(
  fs: FileSystem,
  path: string,
  options: DumpOptions,
): Generator<string> {
  const { edits, tail } = decodeEdits(readFile(fs, path), path);
  for (const [i, { edit }] of edits.entries()) {
    const { deletedFiles, newFiles, ...fields } = edit;
    if (options.isJson) yield JSON.stringify({ edit: i, ...fields, deletedFiles });
    else yield `edit ${i}: ${JSON.stringify(fields)}`;
    for (const { level, number } of options.isJson ? [] : deletedFiles) {
      yield `  - level ${level} table ${number}`;
    }
    for (const file of newFiles) {
      const line = levelDbFileLine(file, `table ${file.number}`, options);
      yield options.isJson ? line : `  + ${line}`;
    }
  }
  if (tail === 'torn' && !options.isJson) yield '# the last edit was cut off';
}

function* levelDbLogLines(fs: FileSystem, path: string, options: DumpOptions): Generator<string> {
  const { batches, tail } = decodeLogBatches(readFile(fs, path), path);
  for (const { entries } of batches) {
    for (const { kind, ...entry } of entries) {
      yield entryLine({ ...entry, kind: kind === 0 ? 'delete' : 'set' }, options);
    }
  }
  if (tail === 'torn' && !options.isJson) yield '# the last record was cut off';
}
