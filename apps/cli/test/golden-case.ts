/**
 * Golden files: what `doug` prints, byte for byte.
 *
 * ```
 * # a comment
 * @ tty 40                   what comes before a command: see GoldenSettings
 * $ doug put user/1 'two words'
 * | put: revision 1          a line of standard output
 * ! hint: ...                a line of standard error
 * = 0                        the exit code
 * ```
 * A line that does not end with a newline stands after `|~` or `!~`. A backslash is `\\`; bytes that are no
 * printable UTF-8 are `\xNN`, `\n` among them where it is no end of a line.
 */

/** What a command is run with; lines that begin with `@`. */
export interface GoldenSettings {
  /** `@ stdin TEXT`, with escapes. */
  stdin?: Buffer;
  /** `@ tty COLUMNS`: standard output and standard error are a terminal. */
  tty?: number;
  /** `@ env NAME=VALUE`. */
  readonly env: Record<string, string>;
  /** `@ fail CODE [OUTCOME]`: every call of the cluster fails so. */
  fail?: string;
  /** `@ NAME`: another setting of the test that reads the file. */
  readonly others: string[];
}

/** One command of a golden file. */
export interface GoldenCase {
  /** As it stands in the file. */
  readonly command: string;
  readonly args: readonly string[];
  readonly settings: GoldenSettings;
}

/** What a command did. */
export interface GoldenResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

/** A part of a golden file: comments and blank lines, settings, or a command with its expectation. */
export type GoldenPart =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | {
      readonly kind: 'case';
      readonly case: GoldenCase;
      readonly lines: readonly string[];
      readonly expected: string;
    };

/** Reads a golden file. */
export function parseGolden(content: string): GoldenPart[] {
  const parts: GoldenPart[] = [];
  const lines = content.split('\n');
  let text: string[] = [];
  let settings: GoldenSettings = { env: {}, others: [] };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    if (line.startsWith('@ ')) applySetting(settings, line.slice(2));
    if (!line.startsWith('$ ')) {
      text.push(line);
      continue;
    }
    const expected: string[] = [];
    while (/^[|!=]/.test(lines[i + 1] ?? '')) expected.push(lines[++i] as string);
    const [program, ...args] = splitCommand(line.slice(2));
    if (program !== 'doug') throw new Error(`not a doug command: ${line}`);
    if (text.length > 0) parts.push({ kind: 'text', lines: text });
    const one = { command: line.slice(2), args, settings };
    parts.push({ kind: 'case', case: one, lines: [line], expected: expected.join('\n') });
    text = [];
    settings = { env: {}, others: [] };
  }
  parts.push({ kind: 'text', lines: text });
  return parts;
}

/** What a command did, as it stands in a golden file. */
export function formatResult({ stdout, stderr, exitCode }: GoldenResult): string {
  return [...formatStream('|', stdout), ...formatStream('!', stderr), `= ${exitCode}`].join('\n');
}

/** A command line as a shell splits it: blanks, single and double quotes. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

function applySetting(settings: GoldenSettings, text: string): void {
  const [name = '', value = ''] = [text.split(' ', 1)[0], text.slice(text.indexOf(' ') + 1)];
  if (name === 'stdin') settings.stdin = bytesOfEscaped(value);
  else if (name === 'tty') settings.tty = Number(value);
  else if (name === 'fail') settings.fail = value;
  else if (name === 'env') {
    const at = value.indexOf('=');
    settings.env[value.slice(0, at)] = value.slice(at + 1);
  } else settings.others.push(text);
}

function formatStream(mark: string, bytes: Buffer): string[] {
  const lines = escaped(bytes).split('\n');
  const last = lines.pop() ?? '';
  const whole = lines.map((line) => (line === '' ? mark : `${mark} ${line}`));
  return last === '' ? whole : [...whole, `${mark}~ ${last}`];
}

function escaped(bytes: Buffer): string {
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) {
    return Array.from(bytes, (byte) =>
      byte === 10
        ? '\n'
        : byte >= 0x20 && byte < 0x7f && byte !== 0x5c
          ? String.fromCharCode(byte)
          : hex(byte),
    ).join('');
  }
  return text
    .replace(/\\/g, '\\\\')
    .replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, (char) => hex(char.codePointAt(0) ?? 0));
}

function bytesOfEscaped(text: string): Buffer {
  const parts = text.split(/(\\x[0-9a-f]{2}|\\n|\\\\)/);
  return Buffer.concat(
    parts.map((part) => {
      if (part === '\\n') return Buffer.from('\n');
      if (part === '\\\\') return Buffer.from('\\');
      return part.startsWith('\\x') ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part);
    }),
  );
}

function hex(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
