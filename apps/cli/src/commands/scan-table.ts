import { printable } from '../encoding/json-bytes.js';
import type { Io } from '../io.js';
import { cut } from '../output/display-width.js';
import { paintFor } from '../output/paint.js';
import { table } from '../output/table.js';
import type { Row } from './scan-row.js';

/** Rows that are laid out together: a long scan is printed as it comes. */
const pageRows = 200;

/** Prints rows as a table, page by page. */
export async function printTable(
  rows: AsyncIterable<Row>,
  io: Io,
  keysOnly: boolean,
): Promise<void> {
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
