import { width } from './display-width.js';

const asIs = (line: string): string => line;

/** How a table is laid out. */
export interface TableStyle<Column extends string> {
  /** Columns that stand to the right. */
  readonly right?: readonly Column[];
  /** What is done to every line, the heading among them. */
  readonly fit?: (line: string) => string;
  /** What is done to the heading after that. */
  readonly heading?: (line: string) => string;
}

/**
 * Rows under a heading, in columns as wide as their widest cell, two blanks apart. Written without a
 * library: it loads in no time.
 */
export function table<Row extends Readonly<Record<string, string | number>>>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
  style: TableStyle<keyof Row & string> = {},
): string {
  const { right = [], fit = asIs, heading = asIs } = style;
  const cells = rows.map((row) => columns.map((column) => String(row[column])));
  const headings = columns.map((column) => column.toUpperCase());
  const widths = columns.map((_, i) =>
    Math.max(...[headings, ...cells].map((line) => width(line[i] ?? ''))),
  );
  const layOut = (line: readonly string[]): string =>
    fit(
      line
        .map((cell, i) => {
          const gap = ' '.repeat((widths[i] ?? 0) - width(cell));
          return right.includes(columns[i] as keyof Row & string) ? gap + cell : cell + gap;
        })
        .join('  ')
        .trimEnd(),
    );
  return [heading(layOut(headings)), ...cells.map(layOut)].map((line) => `${line}\n`).join('');
}
