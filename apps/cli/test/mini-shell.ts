import { splitCommand } from './golden-case.js';
import type { Ran, RunOptions } from './run-doug.js';

/** Runs `doug` with arguments. */
export type RunDoug = (args: readonly string[], options: RunOptions) => Promise<Ran>;

/**
 * As much of a shell as documentation needs: `doug ...` with quotes, `A=b doug`, `doug | doug`, `< file`,
 * `> file`, `printf TEXT | doug` and `echo $?`.
 */
export class MiniShell {
  readonly files = new Map<string, Buffer>();
  readonly #doug: RunDoug;
  #exitCode = 0;

  constructor(doug: RunDoug, files: Readonly<Record<string, string>> = {}) {
    this.#doug = doug;
    for (const [name, text] of Object.entries(files)) this.files.set(name, Buffer.from(text));
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** @returns what a terminal would show */
  async run(line: string): Promise<string> {
    if (line === 'echo $?') return `${this.#exitCode}\n`;
    let input: Buffer = Buffer.alloc(0);
    let shown = '';
    for (const command of line.split(' | ')) {
      const { words, env, from, to } = parse(command);
      const [program, ...args] = words;
      if (from !== undefined) input = this.#file(from);
      if (program === 'printf') {
        input = Buffer.from((args[0] ?? '').replaceAll('\\n', '\n'));
        continue;
      }
      if (program !== 'doug') throw new Error(`no program ${program}: ${line}`);
      const ran = await this.#doug(args, {
        stdin: input,
        env,
        files: Object.fromEntries(this.files),
      });
      this.#exitCode = ran.exitCode;
      shown += ran.stderr;
      input = ran.stdoutBytes;
      if (to === undefined) continue;
      this.files.set(to, input);
      input = Buffer.alloc(0);
    }
    return shown + input.toString();
  }

  #file(name: string): Buffer {
    const content = this.files.get(name);
    if (content === undefined) throw new Error(`no file ${name}`);
    return content;
  }
}

interface Parsed {
  readonly words: string[];
  readonly env: Record<string, string>;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

function parse(command: string): Parsed {
  const words = splitCommand(command);
  const env: Record<string, string> = {};
  while (/^[A-Z_]+=/.test(words[0] ?? '')) {
    const [name = '', value = ''] = (words.shift() ?? '').split('=', 2);
    env[name] = value;
  }
  const take = (mark: string): string | undefined => {
    const at = words.indexOf(mark);
    return at < 0 ? undefined : words.splice(at, 2)[1];
  };
  return { env, from: take('<'), to: take('>'), words };
}
