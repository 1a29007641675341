import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const RUNNER = `${__dirname}/../fixtures/run-ts.cjs`;

/** What a process of the tests has said of itself, line by line, until it ended. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #onLine: (line: string, child: Child) => void;
  readonly #heard: Promise<void>;
  #errors = '';

  /** @param prefix a command to run it under, as `unshare -m sh script` */
  constructor(
    fixture: string,
    args: readonly string[],
    onLine: (line: string, child: Child) => void,
    { cacheDir, prefix = [] }: { cacheDir: string; prefix?: readonly string[] },
  ) {
    this.#onLine = onLine;
    const node = [process.execPath, '--conditions=@dougdb/source', RUNNER, fixture, ...args];
    const [command = '', ...rest] = [...prefix, ...node];
    this.#process = spawn(command, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, DOUG_TS_CACHE: cacheDir },
    });
    this.#ended = once(this.#process, 'close');
    this.#process.stderr?.on('data', (chunk) => {
      this.#errors += String(chunk);
    });
    this.#heard = this.#listen();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Sends a line. */
  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Waits for the end; everything that was said has been heard by then. */
  async ended(): Promise<{ code: number | null; signal: string | null; errors: string }> {
    await this.#ended;
    await this.#heard;
    const { exitCode, signalCode } = this.#process;
    return { code: exitCode, signal: signalCode, errors: this.#errors };
  }

  async #listen(): Promise<void> {
    const { stdout } = this.#process;
    if (stdout === null) return;
    for await (const line of createInterface({ input: stdout })) this.#onLine(line, this);
  }
}
