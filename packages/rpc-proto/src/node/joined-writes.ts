/** What this needs of a grpc-js stream. */
interface Writable {
  write(chunk: Uint8Array, callback: () => void): boolean;
}

/** A message that is made of several ends at this size; a single one may be larger. */
const JOINED_BYTES = 256 * 1024;

/**
 * Writes to a stream, one message at a time; what comes meanwhile travels together in the next one. A stream of
 * grpc-js hands a message to the connection only when that has taken the one before: many small ones would
 * each wait for a turn of the loop.
 */
export class JoinedWrites {
  readonly #stream: Writable;
  readonly #join: (messages: readonly Uint8Array[]) => Uint8Array;
  readonly #taken: () => void;
  #waiting: Uint8Array[] = [];
  #isWriting = false;
  #queuedBytes = 0;

  /**
   * @param join - makes one message of several
   * @param taken - called whenever the connection has taken something
   */
  constructor(
    stream: Writable,
    join: (messages: readonly Uint8Array[]) => Uint8Array,
    taken: () => void,
  ) {
    this.#stream = stream;
    this.#join = join;
    this.#taken = taken;
  }

  /** Bytes that the connection has not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length;
    this.#waiting.push(bytes);
    if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    let count = 0;
    let sizeBytes = 0;
    for (const { length } of this.#waiting) {
      if (count > 0 && sizeBytes + length > JOINED_BYTES) break;
      count++;
      sizeBytes += length;
    }
    const messages = this.#waiting.splice(0, count);
    const [only] = messages;
    if (only === undefined) return;
    this.#isWriting = true;
    this.#stream.write(count === 1 ? only : this.#join(messages), () => {
      this.#isWriting = false;
      this.#queuedBytes -= sizeBytes;
      this.#taken();
      if (!this.#isWriting) this.#writeNext();
    });
  }
}
