import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Where and how a command runs. */
export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After that it is killed, and the call fails. Default: two minutes. */
  readonly timeoutMs?: number;
}

/** What a command said until its end. */
export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const running = new Set<Service>();

/** Runs a command to its end. @throws an error with everything it said, unless it ends with exit code 0 */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const service = new Service(command, args, options);
  const result = await service.ended(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  if (result.code !== 0) {
    const how = result.signal ?? `exit code ${result.code}`;
    throw new Error(`${[command, ...args].join(' ')}: ${how}\n${result.stdout}${result.stderr}`);
  }
  return result;
}

/** A command that goes on beside us. None outlives this process. */
export class Service {
  readonly #title: string;
  readonly #child: ChildProcess;
  readonly #end: Promise<CommandResult>;
  #stdout = '';
  #stderr = '';
  #onOutput: () => void = () => undefined;

  constructor(command: string, args: readonly string[], options: CommandOptions) {
    this.#title = [command, ...args].join(' ');
    // A group of its own: what it starts can be ended with it.
    this.#child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#onOutput();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    running.add(this);
    this.#end = once(this.#child, 'close').then(([code, signal]) => {
      running.delete(this);
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: this.#stdout,
        stderr: this.#stderr,
      };
    });
  }

  /** Waits for text on stdout. @throws when the command ends before, or after `timeoutMs` */
  says(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#onOutput = () => {
        const match = pattern.exec(this.#stdout);
        if (match !== null) resolve(match);
      };
      this.#onOutput();
    });
    const ended = this.#end.then(({ code, signal, stdout, stderr }) => {
      throw new Error(`${this.#title} ended early (${signal ?? code})\n${stdout}${stderr}`);
    });
    return this.#within(timeoutMs, Promise.race([found, ended]));
  }

  /** Waits for its end. @throws after `timeoutMs`, having killed it */
  ended(timeoutMs: number): Promise<CommandResult> {
    return this.#within(timeoutMs, this.#end);
  }

  /** Ends it and all that it started, at once. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined || !running.has(this)) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself, and we have not heard of it yet.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  async #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.kill();
        const said = `${this.#stdout}${this.#stderr}`;
        reject(new Error(`${this.#title}: not done after ${timeoutMs} ms\n${said}`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function killAll(): void {
  for (const service of running) service.kill();
}

// Groups of their own do not hear Ctrl-C.
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.exit(1);
  });
}
