import type { DougError } from '@dougdb/rpc-proto';

/**
 * How clients and facades reach nodes: encoded messages in, encoded messages out. The real one is on
 * gRPC (`src/node/grpc-transport.ts`); a simulator hands in its own and drives the shipped code.
 */
export interface NodeTransport {
  /**
   * One call with one answer.
   * @param path - full gRPC path, as '/dougdb.v1.Routes/Describe'
   * @param timeoutMs - after it the call fails with DEADLINE or IN_DOUBT
   * @param signal - cancels the call; it then fails with ABORTED
   * @throws DougError, and nothing else
   */
  unary(
    address: string,
    path: string,
    request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;

  /**
   * Opens a dougdb.v1.Doug/Pipe stream. Never throws; a failure comes as `closed`. No event is
   * called before this returns. Waiting for a connection needs no time limit: the client closes a
   * stream that does not open.
   */
  openPipe(address: string, events: PipeEvents): PipeConnection;

  /**
   * As {@link openPipe}, for any method with messages in both directions, as '/dougdb.v1.Doug/Watch'. It
   * shares no connection with pipes: what its reader does not take holds up nothing else.
   * @param path - full gRPC path of a method that only reads
   */
  openStream(address: string, path: string, events: PipeEvents): PipeConnection;

  /**
   * A call that is answered by a stream of encoded messages, fetched as they are asked for (a slow
   * reader holds up the server, not the memory). Leaving the iteration, or the signal, ends the call.
   * @param path - full gRPC path of a method that only reads, as '/dougdb.v1.Doug/Scan'
   * @throws DougError from `next()`, and nothing else
   */
  stream(
    address: string,
    path: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;

  /** Ends everything that is open and frees all connections. Events may still come, or not. */
  close(): void;
}

/** What happens to a stream in both directions. After `closed` nothing more. */
export interface PipeEvents {
  /** There is a connection: what is sent from now on may arrive. Called once, before `received`. */
  opened(): void;
  /** An encoded answer (of a Pipe: a PipeResponse); valid during the call only. */
  received(response: Uint8Array): void;
  /** `send` answered false before, and there is room again. */
  drained(): void;
  /**
   * The stream is over. What was sent before `opened` was called, or not at all, certainly took no
   * effect; anything else is unknown.
   */
  closed(error: DougError): void;
}

export interface PipeConnection {
  /**
   * Hands over an encoded request (of a Pipe: a PipeRequest), whose buffer belongs to the connection from then on. It is
   * always taken while the stream is open.
   * @returns false: too much is unsent; send nothing more until `drained`
   */
  send(request: Uint8Array): boolean;
  /** Ends the stream. No event is called any more. */
  close(): void;
}
