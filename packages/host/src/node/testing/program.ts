import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { within } from './until.js';

/** How a program ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<Program>();

/** A built command of ours as a user starts it. Variables DOUG_* of the test do not reach it. */
export class Program {
  readonly exited: Promise<Exit>;
  stderr = '';
  readonly #child: ChildProcess;
  readonly #firstLine: Promise<string>;

  /** @param bin - the script of the command */
  constructor(bin: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DOUG_'));
    this.#child = spawn(process.execPath, [bin, ...args], {
      env: { ...Object.fromEntries(clean), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      // 'close' comes when stderr was read to its end.
      this.#child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#firstLine = new Promise((resolve) => {
      lines.once('line', resolve);
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The first line on stdout. @throws when the process ends before it */
  async ready(): Promise<string> {
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`ended with ${signal ?? code} before it was ready: ${this.stderr}`);
    });
    return within('the ready line', Promise.race([this.#firstLine, ended]));
  }

  /** Addresses of the ready line of one process. */
  async addresses(): Promise<{ grpc: string; admin: string }> {
    const line = await this.ready();
    const field = (name: string): string => new RegExp(` ${name}=(\\S+)`).exec(line)?.[1] ?? '';
    return { grpc: field('grpc'), admin: field('admin') };
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end and waits. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.kill(signal);
    return this.ended();
  }

  ended(): Promise<Exit> {
    return within('the end of the process', this.exited);
  }
}

/** Ends whatever a test left running: only processes that it started itself. */
export async function killLeftovers(): Promise<void> {
  for (const program of [...running]) {
    program.kill('SIGKILL');
    await program.exited;
  }
}
