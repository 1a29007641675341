import type { WatchEvent } from '@dougdb/client';
import { UsageError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { bytesField, bytesOf, printable } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import type { Io } from '../io.js';
import { cut } from '../output/display-width.js';

type Event = WatchEvent<Uint8Array, Uint8Array>;

export interface WatchFlags {
  readonly prefix?: string;
  readonly from?: string;
  readonly fromRevision?: string;
  readonly previous?: boolean;
  readonly putsOnly?: boolean;
  readonly deletesOnly?: boolean;
  readonly limit?: string;
}

/** `doug watch [KEY | --prefix P | START END]`: prints changes as they come, until the limit or Ctrl-C. */
export async function watch(
  context: Context,
  first: string | undefined,
  end: string | undefined,
  flags: WatchFlags,
): Promise<void> {
  const { io, globals } = context;
  const { limit } = flags;
  const most = limit === undefined ? Number.POSITIVE_INFINITY : parseCount('--limit', limit, 1);
  const options = { ...rangeOf(first, end, flags), ...whatOf(flags), signal: io.signal };
  const line = { table: tableLine, json: jsonLine, raw: rawLine }[globals.format];
  await context.withDb(async (db) => {
    const events = db.watch(options);
    let left = most;
    try {
      for await (const event of events) {
        // At once, each: somebody waits for it.
        await io.stdout.write(line(event, io));
        if (io.stdout.isGone || --left === 0) return;
      }
    } finally {
      await events.close();
    }
  });
}

/** @throws UsageError */
function rangeOf(first: string | undefined, end: string | undefined, { prefix }: WatchFlags) {
  if (prefix !== undefined && first !== undefined) {
    throw new UsageError('watch takes a key, --prefix, or START and END, not several of them');
  }
  if (prefix !== undefined) return { prefix: bytesOf(prefix) };
  if (first === undefined) return {};
  if (end === undefined) return { key: bytesOf(first) };
  return { start: bytesOf(first), end: bytesOf(end) };
}

/** @throws UsageError */
function whatOf({ from, fromRevision, previous, putsOnly, deletesOnly }: WatchFlags) {
  if (putsOnly === true && deletesOnly === true) {
    throw new UsageError('watch takes --puts-only or --deletes-only, not both');
  }
  if (from !== undefined && fromRevision !== undefined) {
    throw new UsageError('watch takes --from or --from-revision, not both');
  }
  return {
    from,
    fromRevision:
      fromRevision === undefined ? undefined : parseCount('--from-revision', fromRevision, 1),
    previous,
    puts: deletesOnly !== true,
    deletes: putsOnly !== true,
  };
}

/** For people: what happened, at which revision, the key, the value, and what was there before. */
function tableLine(event: Event, { stdout }: Io): string {
  const { type, key, revision, previous } = event;
  const value = event.type === 'put' ? `  ${printable(event.value)}` : '';
  const before = previous
    ? `  (before it revision ${previous.revision}: ${printable(previous.value)})`
    : '';
  const line = `${type.padEnd('delete'.length)}  ${revision}  ${printable(key)}${value}${before}`;
  return `${stdout.isTty ? cut(line, stdout.columns) : line}\n`;
}

function jsonLine(event: Event): string {
  const { type, key, revision, previous, token } = event;
  const fields = {
    type,
    ...bytesField('key', key),
    ...(event.type === 'put' ? bytesField('value', event.value) : {}),
    revision,
    ...(previous === undefined ? {} : { previous: previous && previousFields(previous) }),
    token,
  };
  return `${JSON.stringify(fields)}\n`;
}

function previousFields({ value, revision }: NonNullable<Event['previous']>): object {
  return { ...bytesField('value', value), revision };
}

/** The bytes as they are: `put`, key and value, or `delete` and key, with tabs between them, and a newline. */
function rawLine(event: Event): Uint8Array {
  const tab = Buffer.from('\t');
  const value = event.type === 'put' ? [tab, event.value] : [];
  return Buffer.concat([Buffer.from(event.type), tab, event.key, ...value, Buffer.from('\n')]);
}
