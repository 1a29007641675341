import type { ResponseHeader, Error as WireError } from '@dougdb/rpc-proto';

/**
 * Whoever has items on their way to nodes: a client's Pipe, or the front for single calls. Each id that
 * was taken is answered exactly once by one of these calls, also when the origin is gone by then.
 * Bytes are valid during the call only. Nothing may be forwarded from inside of these calls: that is for
 * the next turn.
 */
export interface Origin {
  /** Nobody takes the answers any more: what was not sent need not be. */
  readonly isGone: boolean;
  /** As {@link PipeResponseVisitor.write} of rpc-proto. */
  written(
    id: number,
    header: ResponseHeader,
    revision: number,
    resultNotKept: boolean,
    compareFailed: boolean,
    previousRevision: number,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    resultStart: number,
    resultEnd: number,
  ): void;
  found(
    id: number,
    header: ResponseHeader,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
  ): void;
  absent(id: number, header: ResponseHeader): void;
  /** @param header - null when no partition stands behind the error */
  failed(id: number, header: ResponseHeader | null, error: WireError): void;
}
