import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The built command; `npm test` builds it first. */
export const dougBin = join(__dirname, '../bin/doug.mjs');

/** What a process did. */
export interface Ended {
  /** Null: a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The `doug` command as a process. */
export class DougProcess {
  static readonly #running = new Set<DougProcess>();
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  /** @param more - arguments of node itself, and the environment */
  constructor(
    args: readonly string[],
    more: { node?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
  ) {
    const env = { ...process.env, ...more.env };
    this.child = spawn(process.execPath, [...(more.node ?? []), dougBin, ...args], { env });
    this.child.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    // It may end without reading what is written.
    this.child.stdin.on('error', () => {});
    DougProcess.#running.add(this);
    this.ended = once(this.child, 'close').then(([exitCode]) => {
      DougProcess.#running.delete(this);
      return {
        exitCode: exitCode as number | null,
        stdout: this.stdout.toString(),
        stderr: Buffer.concat(this.#stderr).toString(),
      };
    });
  }

  /** What it has printed so far. */
  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  /** Runs it to its end, without input. */
  static run(
    args: readonly string[],
    more?: { node?: readonly string[]; env?: Readonly<Record<string, string>> },
  ): Promise<Ended> {
    const doug = new DougProcess(args, more);
    doug.child.stdin.end();
    return doug.ended;
  }

  /** Ends what a failed test has left. */
  static killAll(): void {
    for (const doug of DougProcess.#running) doug.child.kill('SIGKILL');
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }
}
