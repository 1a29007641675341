import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** `doug-facade` as a user runs it, on a port that is free; killed, it comes back on the same one. */
export class FacadeProcess {
  readonly #bin: string;
  readonly #nodes: string;
  #address = '127.0.0.1:0';
  #child: ChildProcess | null = null;

  private constructor(bin: string, nodes: string) {
    this.#bin = bin;
    this.#nodes = nodes;
  }

  /** Resolves when it serves. */
  static async start(bin: string, nodes: string): Promise<FacadeProcess> {
    const facade = new FacadeProcess(bin, nodes);
    await facade.start();
    return facade;
  }

  /** HOST:PORT. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const args = [this.#bin, '--nodes', this.#nodes, '--listen', this.#address];
    const child = spawn(process.execPath, [...args, '--admin', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, DOUG_FACADE_LOG_LEVEL: 'warn' },
    });
    this.#child = child;
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`doug-facade ended with ${String(code)} before it was ready`);
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
    // From now on an end is no surprise.
    ended.catch(() => undefined);
    this.#address = /\bgrpc=(\S+)/.exec(line)?.[1] ?? '';
    if (this.#address === '') throw new Error(`no address in the ready line: ${line}`);
  }

  /** Ends it with a signal and waits for its end. Answers the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }
}
