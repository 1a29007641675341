import { UsageError } from '../cli-errors.js';
import type { Context, Db } from '../context.js';
import { bytesField, bytesOf, printable } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import type { Io, Output } from '../io.js';
import { cut } from '../output/display-width.js';
import { LineBuffer } from '../output/line-buffer.js';
import { paintFor } from '../output/paint.js';
import { table } from '../output/table.js';
import { parseConsistency } from './consistency.js';

export interface ScanFlags {
  readonly prefix?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly consistency?: string;
}

/** An entry as it is printed; without values there is none. */
interface Row {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
  readonly revision: number;
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
    if (globals.format === 'table') await printTable(rows(db), io, flags.keysOnly === true);
    else await printLines(rows(db), io.stdout, globals.format === 'json' ? jsonLine : rawLine);
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

/** Rows that are laid out together: a long scan is printed as it comes. */
const pageRows = 200;

async function printTable(rows: AsyncIterable<Row>, io: Io, keysOnly: boolean): Promise<void> {
  const { stdout } = io;
  let page: Row[] = [];
  let isFirst = true;
  try {
    for await (const row of rows) {
      page.push(row);
      if (page.length < pageRows) continue;
      const text = layOut(page, io, keysOnly, isFirst);
      isFirst = false;
      page = [];
      await stdout.write(text);
      if (stdout.isGone) return;
    }
  } finally {
    if (page.length > 0) await stdout.write(layOut(page, io, keysOnly, isFirst));
  }
}

function layOut(rows: readonly Row[], io: Io, keysOnly: boolean, hasHeading: boolean): string {
  const { stdout, env } = io;
  const cells = rows.map(({ key, value, revision }) => ({
    key: printable(key),
    revision,
    value: value === undefined ? '' : printable(value),
  }));
  const columns = keysOnly
    ? (['key', 'revision'] as const)
    : (['key', 'revision', 'value'] as const);
  const lines = table(columns, cells, {
    right: ['revision'],
    // On a terminal a row is a line.
    fit: (line) => (stdout.isTty ? cut(line, stdout.columns) : line),
    heading: paintFor(stdout, env).bold,
  });
  return hasHeading ? lines : lines.slice(lines.indexOf('\n') + 1);
}
