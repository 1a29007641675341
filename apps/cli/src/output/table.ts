import CliTable from 'cli-table3';
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

/** Rows under a heading, in columns as wide as their widest cell, two blanks apart, without borders. */
export function table<Row extends Readonly<Record<string, string | number>>>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
  style: TableStyle<keyof Row & string> = {},
): string {
  const { right = [], fit = asIs, heading = asIs } = style;
  const cells = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => String(row[column]))),
  ];
  const aligns = columns.map((column) => (right.includes(column) ? 'right' : 'left'));
  // Nothing stands behind the last column: unless it stands to the right it needs no layout, and what
  // may be long (the value of a scan, a megabyte) stands there.
  const isOpen = aligns.at(-1) === 'left' && columns.length > 1;
  const closed = isOpen ? cells.map((line) => line.slice(0, -1)) : cells;
  const lines = layOut(closed, isOpen ? aligns.slice(0, -1) : aligns)
    .map((line, i) => (isOpen ? `${line}${gap}${cells[i]?.at(-1)}` : line))
    .map((line) => fit(line.trimEnd()));
  return lines.map((line, i) => `${i === 0 ? heading(line) : line}\n`).join('');
}

const gap = '  ';

/** Lines that the library gets at a time: what it takes for a table grows with their square. */
const pageLines = 100;

type Align = 'left' | 'right';

function layOut(lines: readonly (readonly string[])[], aligns: readonly Align[]): string[] {
  const colWidths = aligns.map((_, i) =>
    lines.reduce((widest, line) => Math.max(widest, columnsOf(line[i] ?? '')), 0),
  );
  const laidOut: string[] = [];
  for (let at = 0; at < lines.length; at += pageLines) {
    laidOut.push(...layOutPage(lines.slice(at, at + pageLines), aligns, colWidths));
  }
  return laidOut;
}

const plain = /^[\x20-\x7e]*$/;
/** A character of private use that the library takes for one column. */
const standIn = '\ue000';

/**
 * What is not ASCII is represented by stand-ins of the same width: the library measures marks of some
 * scripts (Thai, Devanagari) and newer emoji wrong, and needs minutes for a long text, because it measures
 * that again for every character which it cuts off.
 */
function layOutPage(
  lines: readonly (readonly string[])[],
  aligns: readonly Align[],
  colWidths: readonly number[],
): string[] {
  const layout = new CliTable({
    chars: noBorders,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: [...aligns],
    colWidths: [...colWidths],
  });
  const represented: string[] = [];
  for (const line of lines) {
    const shown = line.map((cell) => {
      if (plain.test(cell)) return cell;
      represented.push(cell);
      return standIn.repeat(columnsOf(cell));
    });
    layout.push(shown);
  }
  let next = 0;
  return layout
    .toString()
    .split('\n')
    .map((line) => line.replace(/\ue000+/g, () => represented[next++] ?? ''));
}

/** A cell that is nothing but marks has none, and is given one: a stand-in must be seen. */
function columnsOf(cell: string): number {
  return cell === '' ? 0 : Math.max(1, width(cell));
}

const noBorders = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', right: '', 'right-mid': '' },
  ...{ mid: '', 'mid-mid': '', middle: gap },
};
