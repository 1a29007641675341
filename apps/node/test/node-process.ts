import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BIN = join(__dirname, '../bin/doug-node.mjs');
const DEADLINE_MS = 20_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<NodeProcess>();

/** The built `doug-node` as a user starts it. */
export class NodeProcess {
  readonly exited: Promise<Exit>;
  stderr = '';
  readonly #child: ChildProcess;
  readonly #firstLine: Promise<string>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DOUG_'));
    this.#child = spawn(process.execPath, [BIN, ...args], {
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

  /** Addresses of the ready line of one member. */
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
  for (const process of [...running]) {
    process.kill('SIGKILL');
    await process.exited;
  }
}

const dirs: string[] = [];

/** A directory for one test. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'doug-e2e-'));
  dirs.push(dir);
  return dir;
}

export function removeTempDirs(): void {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** Flags of one member on free ports. */
export function memberArgs(dataDir: string, ...more: string[]): string[] {
  return [
    ...['start', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ...['--memory', '32', ...more],
  ];
}

/** Asks again until it holds. @throws after a deadline, with the last error */
export async function until<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS;
  let last: unknown = null;
  while (performance.now() < endMs) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${DEADLINE_MS} ms: ${what}`, { cause: last });
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not within ${DEADLINE_MS} ms: ${what}`)),
      DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
