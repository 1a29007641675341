import { UsageError } from '../cli-errors.js';
import type { Context, Db } from '../context.js';
import { bytesField, bytesOf } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import type { Output } from '../io.js';
import { LineBuffer } from '../output/line-buffer.js';
import { tellHint } from '../output/tell-failure.js';
import { parseReadFlags, type ReadFlags } from './read-flags.js';
import type { Row } from './scan-row.js';

export interface ScanFlags extends ReadFlags {
  readonly prefix?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly count?: boolean;
  readonly from?: string;
  readonly token?: boolean;
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
  if (flags.from !== undefined && (flags.prefix ?? start) !== undefined) {
    throw new UsageError('scan takes --from or a range, not both: the token knows its range');
  }
  const { io, globals } = context;
  const options = {
    from: flags.from,
    prefix: flags.prefix === undefined ? undefined : bytesOf(flags.prefix),
    start: start === undefined ? undefined : bytesOf(start),
    end: end === undefined ? undefined : bytesOf(end),
    limit: flags.limit === undefined ? undefined : parseCount('--limit', flags.limit, 0),
    reverse: flags.reverse,
    ...parseReadFlags(flags),
    signal: io.signal,
  };
  if (flags.count === true) return count(context, options, flags);
  const keysOnly = flags.keysOnly === true;
  await context.withDb(async (db) => {
    const rows: Rows = keysOnly ? db.scan({ ...options, keysOnly }) : db.scan(options);
    if (globals.format === 'table') {
      const { printTable } = await import('./scan-table.js');
      await printTable(rows, io, keysOnly);
    } else {
      await printLines(rows, io.stdout, globals.format === 'json' ? jsonLine : rawLine);
    }
    const isWanted = flags.token === true && !io.stdout.isGone;
    if (isWanted && rows.token !== undefined) await tellToken(context, rows.token, flags);
  });
}

/** What is printed, and where it goes on. */
type Rows = AsyncIterable<Row> & { readonly token: string | undefined };

async function count(
  context: Context,
  options: Parameters<Db['count']>[0],
  { reverse, keysOnly, from }: ScanFlags,
): Promise<void> {
  if ((reverse ?? keysOnly ?? from) !== undefined) {
    throw new UsageError('--count prints a number: no --reverse, --keys-only or --from');
  }
  const { io, globals } = context;
  const found = await context.withDb((db) => db.count(options));
  const line = globals.format === 'json' ? JSON.stringify({ count: found }) : `${found}`;
  await io.stdout.write(`${line}\n`);
}

/** Where the rest begins, beside the entries and not among them. */
async function tellToken(
  { io, globals }: Context,
  token: string,
  { reverse, keysOnly }: ScanFlags,
): Promise<void> {
  if (globals.format === 'json') {
    await io.stderr.write(`${JSON.stringify({ from: token })}\n`);
    return;
  }
  // A token has a direction, and is refused in the other one.
  const same = `${reverse === true ? ' --reverse' : ''}${keysOnly === true ? ' --keys-only' : ''}`;
  await tellHint(io, `the rest: doug scan --from ${token}${same}`);
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

function jsonLine({ key, value, revision, expiresAt }: Row): string {
  const fields = value === undefined ? {} : bytesField('value', value);
  const expires = expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() };
  return `${JSON.stringify({ ...bytesField('key', key), ...fields, revision, ...expires })}\n`;
}

/** The bytes as they are: key, a tab and the value if there is one, a newline. */
function rawLine({ key, value }: Row): Uint8Array {
  const parts = value === undefined ? [key] : [key, Buffer.from('\t'), value];
  return Buffer.concat([...parts, Buffer.from('\n')]);
}
