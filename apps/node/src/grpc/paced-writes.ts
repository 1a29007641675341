import type { ServerWritableStream } from '@grpc/grpc-js';

/** Messages of a server stream, each handed over when the connection has taken the one before. */
export class PacedWrites {
  readonly #call: ServerWritableStream<Uint8Array, Uint8Array>;
  readonly #abort = new AbortController();

  constructor(call: ServerWritableStream<Uint8Array, Uint8Array>) {
    this.#call = call;
    call.on('cancelled', () => this.#abort.abort());
  }

  /** Fires when the caller is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True once the caller is gone. */
  get cancelled(): boolean {
    return this.signal.aborted;
  }

  /** Resolves when the next one may be made, or the caller is gone. */
  send(response: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.cancelled) {
        resolve();
        return;
      }
      const done = (): void => {
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.signal.addEventListener('abort', done);
      // Not 'drain': that lets sixteen messages wait in memory.
      this.#call.write(response, done);
    });
  }
}
