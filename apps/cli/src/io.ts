/** Where text and bytes go. */
export interface Output {
  /**
   * Resolves when more may be written: at once, unless the reader is slow. When the reader has gone what is
   * written is dropped.
   * @throws OutputError if it cannot be written
   */
  write(data: string | Uint8Array): Promise<void>;
  /** The reader has gone (`doug scan | head`): there is nobody to tell anything. */
  readonly isGone: boolean;
  readonly isTty: boolean;
  /** Width of a terminal in characters; 80 elsewhere. */
  readonly columns: number;
}

/** A file or a pipe that is read once. */
export interface Input {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Undefined: not known. */
  readonly sizeBytes: number | undefined;
}

/** The world of a command: what tests hand in instead of the process. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Milliseconds that only go forward. */
  nowMs(): number;
  /** Calls `run` again and again until the answer is called. */
  every(intervalMs: number, run: () => void): () => void;
  /** @param path - '-': standard input @throws UsageError if it cannot be read */
  open(path: string): Promise<Input>;
}
