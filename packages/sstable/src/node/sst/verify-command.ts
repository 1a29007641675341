import type { FileSystem } from '@dougdb/ports';
import { type SstError, SstErrorCode } from '../../contract.js';
import { isSstError } from '../../encoding/error-code.js';
import { dumpManifest } from '../../inspect/dump.js';
import { verifyDb } from '../../inspect/verify-db.js';
import { verifyLevelDb } from '../../inspect/verify-leveldb.js';
import { verifyTable } from '../../inspect/verify-table.js';
import { decodeEdits, readFile } from '../../leveldb/directory.js';
import { decodeLogBatches } from '../../leveldb/write-batch.js';
import { TableReader } from '../../table/table-reader.js';
import type { Output } from './output.js';
import type { Target } from './target.js';

/** What a check found. */
interface Verdict {
  /** One line about what is whole. */
  readonly summary: string;
  /** A last record was cut off before it was durable: no damage, the next open leaves it out. */
  readonly isTorn: boolean;
  readonly unreferenced: readonly string[];
  readonly problems: readonly SstError[];
}

/**
 * Reads every byte and prints what is wrong.
 * @throws SstError SST_IO where something could not be read at all
 */
export async function verify(
  fs: FileSystem,
  target: Target,
  output: Output,
): Promise<'whole' | 'torn' | 'damaged'> {
  const { summary, isTorn, unreferenced, problems } = verdictOn(fs, target);
  if (unreferenced.length > 0) await output.line(`note: nothing names ${unreferenced.join(' ')}`);
  if (isTorn) await output.line('note: the last record was cut off before it was durable');
  for (const problem of problems) {
    // What could not be read is not known to be damaged.
    if (problem.code === SstErrorCode.Io) throw problem;
    output.problem(`${problem.code} ${problem.message} (${whereOf(problem)})`);
  }
  if (problems.length > 0) return 'damaged';
  await output.line(`${isTorn ? 'torn' : 'ok'}: ${summary}`);
  return isTorn ? 'torn' : 'whole';
}

function whereOf({ file, offset }: SstError): string {
  return `file ${file ?? 'unknown'}, offset ${offset ?? 'unknown'}`;
}

function verdictOn(fs: FileSystem, target: Target): Verdict {
  switch (target.kind) {
    case 'database': {
      const { tables, entries, bytes, isTorn, unreferenced, problems } = verifyDb(fs, target.path);
      return {
        summary: `${tables} tables, ${entries} entries, ${bytes} bytes`,
        isTorn,
        unreferenced,
        problems,
      };
    }
    case 'leveldb': {
      const { tables, entries, bytes, isTorn, unreferenced, problems } = verifyLevelDb(
        fs,
        target.path,
      );
      return {
        summary: `LevelDB's format, ${tables} tables, ${entries} entries, ${bytes} bytes`,
        isTorn,
        unreferenced,
        problems,
      };
    }
    case 'table':
      return guarded(() => checkTable(fs, target.path));
    case 'manifest':
      return guarded(() => {
        const { edits, files, tail } = dumpManifest(fs, target.dir, target.number);
        return {
          summary: `manifest, ${edits.length} edits, ${files.length} tables`,
          isTorn: tail === 'torn',
        };
      });
    case 'leveldb-manifest':
      return guarded(() => {
        const { edits, tail } = decodeEdits(readFile(fs, target.path), target.path);
        return {
          summary: `manifest of LevelDB's format, ${edits.length} edits`,
          isTorn: tail === 'torn',
        };
      });
    case 'leveldb-log':
      return guarded(() => {
        const { batches, tail } = decodeLogBatches(readFile(fs, target.path), target.path);
        return {
          summary: `log of LevelDB's format, ${batches.length} batches`,
          isTorn: tail === 'torn',
        };
      });
  }
}

function checkTable(fs: FileSystem, path: string): Pick<Verdict, 'summary' | 'isTorn'> {
  const reader = TableReader.open(fs, path, null, null);
  try {
    const steps = verifyTable(reader, null);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const format = reader.format === 'native' ? 'table' : "table of LevelDB's format";
    const { entries, deletions } = step.value;
    return {
      summary: `${format}, ${entries} entries, ${deletions} of them deletions, ${reader.sizeBytes} bytes`,
      isTorn: false,
    };
  } finally {
    reader.close();
  }
}

/** One file: the first thing that is wrong ends the check. */
function guarded(check: () => Pick<Verdict, 'summary' | 'isTorn'>): Verdict {
  try {
    return { ...check(), unreferenced: [], problems: [] };
  } catch (error) {
    if (!isSstError(error)) throw error;
    return { summary: '', isTorn: false, unreferenced: [], problems: [error] };
  }
}
