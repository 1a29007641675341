import type { FileSystem } from '@dougdb/ports';
import { verifyTable } from '../inspect/verify-table.js';
import { join, tableName } from '../manifest/file-names.js';
import { cursorOver, type MemtableImage } from '../memtable/memtable-image.js';
import type { TableFormatOptions, TableMeta, TableSlot } from '../table/table-meta.js';
import { TableReader } from '../table/table-reader.js';
import { type CompactionInput, compactTables } from './compaction-job.js';
import { flushMemtable } from './flush-job.js';
import type { Job } from './job.js';
import type { Pacer } from './pacer.js';

/** Where and how a job writes tables. */
export interface OutputSpec {
  readonly dir: string;
  readonly format: TableFormatOptions;
  readonly slots: readonly TableSlot[];
}

export interface FlushSpec extends OutputSpec {
  readonly memtable: MemtableImage;
}

export interface CompactionSpec extends OutputSpec, Omit<CompactionInput, 'destination'> {}

export interface CheckSpec {
  readonly dir: string;
  readonly table: TableMeta;
}

/** The jobs that may run in a thread of their own, with what each one needs and makes: all of it can be cloned. */
export interface TableJobSpecs {
  readonly flush: FlushSpec;
  readonly compact: CompactionSpec;
  readonly check: CheckSpec;
}
export type TableJobName = keyof TableJobSpecs;

/** The job's steps, the same in whichever thread. They answer the tables that were written. */
export type TableJob = Job<readonly TableMeta[]>;

/** @param pacer - left out: as fast as it can */
export function tableJob<Name extends TableJobName>(
  name: Name,
  spec: TableJobSpecs[Name],
  fs: FileSystem,
  pacer?: Pacer,
): TableJob {
  const paced = pacer === undefined ? {} : { pacer };
  const bodies: { readonly [N in TableJobName]: (own: TableJobSpecs[N]) => TableJob } = {
    *flush({ memtable, ...output }) {
      return [yield* flushMemtable(cursorOver(memtable), { fs, ...output, ...paced })];
    },
    compact({ dir, format, slots, ...input }) {
      return compactTables({ ...input, destination: { fs, dir, format, slots, ...paced } });
    },
    check: ({ dir, table }) => checkTable(fs, dir, table),
  };
  return bodies[name](spec);
}

/** Reads every byte of a table through a descriptor of its own. */
function* checkTable(fs: FileSystem, dir: string, table: TableMeta): TableJob {
  const reader = TableReader.open(fs, join(dir, tableName(table.number)), table, null);
  try {
    yield* verifyTable(reader, table);
    return [];
  } finally {
    reader.close();
  }
}
