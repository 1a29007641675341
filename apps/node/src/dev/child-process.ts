import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PlannedProcess } from './plan.js';

/** Long enough for a process that drains; then it is killed. */
const STOP_LIMIT_MS = 12_000;
const LOG_TAIL_LINES = 5;
const HOST = '127.0.0.1';

/** How a child ended. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process of a dev cluster as a child of `doug-node dev`. Its log goes to a file in the directory. */
export class DevChild {
  readonly name: string;
  readonly address: string;
  readonly adminAddress: string;
  readonly logFile: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: ChildProcess;
  readonly #args: readonly string[];
  readonly #ready: Promise<void>;

  /**
   * @param subcommand - of `doug-node`
   * @param args - what it needs beside its name and addresses
   */
  constructor(
    subcommand: 'start' | 'facade',
    plan: PlannedProcess,
    dir: string,
    args: readonly string[],
  ) {
    this.name = plan.name;
    this.address = addressOf(plan);
    this.adminAddress = `${HOST}:${plan.adminPort}`;
    this.logFile = join(dir, `${plan.name}.log`);
    const own = ['--name', plan.name, '--listen', this.address, '--admin', this.adminAddress];
    this.#args = [subcommand, ...own, ...args];
    const bin = fileURLToPath(new URL('../../bin/doug-node.mjs', import.meta.url));
    const log = openSync(this.logFile, 'a', 0o600);
    this.#child = spawn(process.execPath, [bin, ...this.#args], {
      stdio: ['ignore', 'pipe', log, 'ipc'],
      // Ctrl-C goes to the whole foreground group: only dev itself is to hear it.
      detached: true,
      env: withoutSettings(process.env),
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
      this.#child.once('error', () => resolve({ code: 1, signal: null }));
    });
    this.#ready = new Promise((resolve) => {
      if (this.#child.stdout === null) return;
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        if (/^doug-(node|facade) ready /.test(line)) resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The command that starts this process again by hand. */
  get command(): string {
    return ['doug-node', ...this.#args].join(' ');
  }

  /** Resolves when it serves. */
  whenReady(): Promise<void> {
    return this.#ready;
  }

  /** The last lines of its log. */
  logTail(): string {
    return readFileSync(this.logFile, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-LOG_TAIL_LINES)
      .join('\n');
  }

  /** Asks it to drain; kills it when that takes too long. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** HOST:PORT of a planned process. */
export function addressOf({ port }: PlannedProcess): string {
  return `${HOST}:${port}`;
}

/** What dev decides for its children is not to be overruled by settings meant for a single process. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = /^DOUG_(((NODE|FACADE)_)?LOG_LEVEL|TEST_HOOKS|TEST_FORGED_MAP)$/;
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('DOUG_') || kept.test(name)),
  );
}
