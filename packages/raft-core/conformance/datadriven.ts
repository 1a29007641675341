/**
 * Reader of the data-driven test format of cockroachdb/datadriven, as far as the conformance files
 * use it: directives `cmd arg key=value key=(a, b)`, input lines, `----`, expected output up to a
 * blank line.
 */
export interface Directive {
  readonly line: number;
  readonly cmd: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export function parseDirectives(source: string): Directive[] {
  const lines = source.split('\n');
  const directives: Directive[] = [];
  for (let at = 0; at < lines.length; ) {
    const start = at;
    let head = (lines[at++] ?? '').trim();
    if (head === '' || head.startsWith('#')) continue;
    while (head.endsWith('\\')) head = `${head.slice(0, -1)} ${(lines[at++] ?? '').trim()}`;
    const input: string[] = [];
    while (at < lines.length && (lines[at] ?? '').trim() !== '----') input.push(lines[at++] ?? '');
    at++;
    const expected: string[] = [];
    if ((lines[at] ?? '') === '----') {
      at++;
      while (at < lines.length && !(lines[at] === '----' && lines[at + 1] === '----')) {
        expected.push(lines[at++] ?? '');
      }
      at += 2;
    } else {
      while (at < lines.length && (lines[at] ?? '').trim() !== '') expected.push(lines[at++] ?? '');
    }
    const [cmd = '', ...args] = splitArguments(head);
    directives.push({
      line: start + 1,
      cmd,
      args: args.map(parseArgument),
      input: input.join('\n').trim(),
      expected: expected.length === 0 ? '' : `${expected.join('\n')}\n`,
    });
  }
  return directives;
}

/** Splits on spaces outside parentheses. */
function splitArguments(line: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const c of line) {
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (c === ' ' && depth === 0) {
      if (part !== '') parts.push(part);
      part = '';
    } else {
      part += c;
    }
  }
  if (part !== '') parts.push(part);
  return parts;
}

function parseArgument(part: string): Argument {
  const equals = part.indexOf('=');
  if (equals < 0) return { key: part, values: [] };
  const key = part.slice(0, equals);
  const value = part.slice(equals + 1);
  if (!value.startsWith('(') || !value.endsWith(')')) return { key, values: [value] };
  return { key, values: splitValues(value.slice(1, -1)) };
}

/** Splits on commas at depth 0; spaces after them are dropped. */
function splitValues(list: string): string[] {
  const values: string[] = [];
  let depth = 0;
  let value = '';
  for (const c of list) {
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (c === ',' && depth === 0) {
      values.push(value.trim());
      value = '';
    } else {
      value += c;
    }
  }
  if (value.trim() !== '' || values.length > 0) values.push(value.trim());
  return values;
}
