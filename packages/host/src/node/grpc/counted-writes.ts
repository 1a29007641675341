/** What this needs of a grpc-js stream. */
interface Writable {
  write(chunk: Uint8Array, callback: () => void): boolean;
}

/** Writes to a stream and knows how many bytes the connection has not taken yet. */
export class CountedWrites {
  readonly #stream: Writable;
  #queuedBytes = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length;
    this.#stream.write(bytes, () => {
      this.#queuedBytes -= bytes.length;
    });
  }
}
