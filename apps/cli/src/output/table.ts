/**
 * Rows under a heading, in columns as wide as their widest cell, two blanks apart. Written without a
 * library: it loads in no time.
 * @param right - names of columns that stand to the right
 */
export function table<Row extends Readonly<Record<string, string | number>>>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
  right: readonly (keyof Row & string)[] = [],
): string {
  const cells = rows.map((row) => columns.map((column) => String(row[column])));
  const all = [columns.map((column) => column.toUpperCase()), ...cells];
  const widths = columns.map((_, i) => Math.max(...all.map((line) => width(line[i] ?? ''))));
  return all
    .map((line) =>
      line
        .map((cell, i) => {
          const gap = ' '.repeat((widths[i] ?? 0) - width(cell));
          return right.includes(columns[i] as keyof Row & string) ? gap + cell : cell + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Characters that a terminal shows for text, wide ones not considered. */
export function width(text: string): number {
  let count = 0;
  for (const char of text) if (!/\p{M}/u.test(char)) count++;
  return count;
}

/** Text cut to so many characters, with a mark if something is missing. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  return `${[...text].slice(0, Math.max(0, columns - 1)).join('')}…`;
}
