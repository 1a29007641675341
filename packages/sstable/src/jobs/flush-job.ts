import type { Cursor } from '../read/cursor.js';
import type { TableMeta } from '../table/table-meta.js';
import { type Job, STEP_BYTES, STEP_ENTRIES } from './job.js';
import { type TableDestination, TableOutput } from './table-output.js';

/** Writes all versions of a frozen memtable, which is not empty, into one table of level 0. */
export function* flushMemtable(memtable: Cursor, destination: TableDestination): Job<TableMeta> {
  const output = new TableOutput(destination);
  let isDone = false;
  try {
    let entries = 0;
    let bytes = 0;
    for (memtable.first(); memtable.valid; memtable.next()) {
      output.add(memtable);
      bytes += memtable.valueEnd - memtable.valueStart;
      if (++entries < STEP_ENTRIES && bytes < STEP_BYTES) continue;
      entries = 0;
      bytes = 0;
      yield output.stepWait;
    }
    yield* output.finishTable();
    const [meta] = output.finished;
    if (meta === undefined) throw new RangeError('an empty memtable has no table');
    isDone = true;
    return meta;
  } finally {
    if (!isDone) output.discard();
  }
}
