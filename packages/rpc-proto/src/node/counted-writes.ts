/** What this needs of a grpc-js stream. */
interface Writable {
  write(chunk: Uint8Array, callback: () => void): boolean;
}

/** Writes to a stream and knows how many bytes the connection has not taken yet. */
export class CountedWrites {
  readonly #stream: Writable;
  readonly #taken: () => void;
  #queuedBytes = 0;

  /** @param taken - called whenever the connection has taken something */
  constructor(stream: Writable, taken: () => void = () => undefined) {
    this.#stream = stream;
    this.#taken = taken;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length;
    this.#stream.write(bytes, () => {
      this.#queuedBytes -= bytes.length;
      this.#taken();
    });
  }
}
