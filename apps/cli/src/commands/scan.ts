import { UsageError } from '../cli-errors.js';
import type { Context, Db } from '../context.js';
import { bytesField, bytesOf } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import type { Output } from '../io.js';
import { LineBuffer } from '../output/line-buffer.js';
import { parseConsistency } from './consistency.js';
import type { Row } from './scan-row.js';

export interface ScanFlags {
  readonly prefix?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly consistency?: string;
}

/** `doug scan [--prefix P | START [END]]`. */
export async function scan(
  context: Context,
  start: string | undefined,
  end: string | undefined,
  flags: ScanFlags,
): Promise<void> {
  if (flags.prefix !== undefined && start !== undefined) {
    throw new UsageError('scan takes --prefix or START and END, not both');
  }
  const { io, globals } = context;
  const options = {
    prefix: flags.prefix === undefined ? undefined : bytesOf(flags.prefix),
    start: start === undefined ? undefined : bytesOf(start),
    end: end === undefined ? undefined : bytesOf(end),
    limit: flags.limit === undefined ? undefined : parseCount('--limit', flags.limit, 0),
    reverse: flags.reverse,
    consistency: parseConsistency(flags.consistency),
    signal: io.signal,
  };
  const rows = (db: Db): AsyncIterable<Row> =>
    flags.keysOnly === true ? db.scan({ ...options, keysOnly: true }) : db.scan(options);
  await context.withDb(async (db) => {
    if (globals.format === 'table') {
      const { printTable } = await import('./scan-table.js');
      await printTable(rows(db), io, flags.keysOnly === true);
    } else {
      await printLines(rows(db), io.stdout, globals.format === 'json' ? jsonLine : rawLine);
    }
  });
}

async function printLines(
  rows: AsyncIterable<Row>,
  output: Output,
  line: (row: Row) => string | Uint8Array,
): Promise<void> {
  const buffer = new LineBuffer(output);
  try {
    for await (const row of rows) {
      const full = buffer.write(line(row));
      if (full !== undefined) await full;
      if (output.isGone) return;
    }
  } finally {
    // What was read before a failure is told.
    await buffer.flush();
  }
}

function jsonLine({ key, value, revision }: Row): string {
  const fields = value === undefined ? {} : bytesField('value', value);
  return `${JSON.stringify({ ...bytesField('key', key), ...fields, revision })}\n`;
}

/** The bytes as they are: key, a tab and the value if there is one, a newline. */
function rawLine({ key, value }: Row): Uint8Array {
  const parts = value === undefined ? [key] : [key, Buffer.from('\t'), value];
  return Buffer.concat([...parts, Buffer.from('\n')]);
}
