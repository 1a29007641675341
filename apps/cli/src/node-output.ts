import { OutputError } from './cli-errors.js';
import type { Output } from './io.js';

/** Standard output or standard error as an {@link Output}. */
export class NodeOutput implements Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #signal: AbortSignal;
  #isGone = false;

  /** @param signal - after it nobody waits for a slow reader any more */
  constructor(stream: NodeJS.WriteStream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    // Each write hears of its own error; without a listener the event would end the process.
    stream.on('error', () => {});
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isTty(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number {
    return this.#stream.columns || 80;
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.#isGone) return Promise.resolve();
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const end = (error?: NodeJS.ErrnoException | null): void => {
        signal.removeEventListener('abort', onAbort);
        if (error?.code === 'EPIPE') this.#isGone = true;
        if (error && error.code !== 'EPIPE') reject(new OutputError(error));
        else resolve();
      };
      const onAbort = (): void => end();
      signal.addEventListener('abort', onAbort);
      this.#stream.write(data, end);
      if (signal.aborted) onAbort();
    });
  }
}
