import type { NodeTransport } from '@dougdb/facade';
import type { Clock } from '@dougdb/ports';
import type { DougError, ResponseHeader, Error as WireError } from '@dougdb/rpc-proto';
import type { Look } from '../writes.js';
import type { BodyResult } from './body.js';
import type { NodePipe } from './node-pipe.js';
import type { LookedAnswer, Operation } from './operation.js';

/** What a pipe tells its engine. */
export interface PipeOwner {
  /** Whether an operation may leave in this message; if not, the owner has taken it away. */
  maySend(op: Operation, message: number): boolean;
  /** The time of an operation that was about to leave is up. */
  overdue(op: Operation): void;
  /** A message came. */
  heard(pipe: NodePipe): void;
  header(header: ResponseHeader): void;
  /** A blind write took effect. */
  written(op: Operation, revision: number): void;
  /** A write that looked was judged. The previous value is bytes[start, end), valid during the call only. */
  looked(
    op: Operation,
    look: Look,
    answer: LookedAnswer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
  found(
    op: Operation,
    bytes: Uint8Array,
    start: number,
    end: number,
    revision: number,
    ageMs: number,
    expiresAt: number,
  ): void;
  /** An operation with a body was carried out. @param result - null: now or before, and its result is not kept */
  carriedOut(op: Operation, answer: LookedAnswer, result: BodyResult | null): void;
  absent(op: Operation): void;
  failed(op: Operation, error: WireError): void;
  /** Another partition served than was meant: a facade knows more of the map than is known here. */
  elsewhere(): void;
  /** An answer that cannot be understood. */
  garbled(op: Operation): void;
  /**
   * The stream is over. Both lists belong to the owner; their operations have no pipe any more.
   * @param sent - may have taken effect
   * @param unsent - did not
   */
  lost(pipe: NodePipe, sent: Operation[], unsent: Operation[], error: DougError): void;
  /** Operations wait for answers and nothing was heard for a while. */
  silent(pipe: NodePipe): void;
}

/** Settings of a pipe that are the same for all. */
export interface PipePorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  /** Numbers the messages of all pipes. */
  readonly nextMessage: () => number;
  readonly clusterId: () => Uint8Array;
}
