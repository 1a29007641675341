import { mayBeAnyReplica } from '@dougdb/facade';
import type { DougError, ReadLevel } from '@dougdb/rpc-proto';
import type { Key } from '../codec.js';
import type { Look } from '../writes.js';
import type { Abortable } from './abort-watch.js';
import type { Body, BodyResult } from './body.js';
import type { Expiring, ExpiryList } from './deadline-queue.js';
import type { Lane } from './key-lanes.js';
import type { NodePipe } from './node-pipe.js';
import type { Session } from './session.js';
import type { Span } from './span.js';

export type OperationKind = 'put' | 'delete' | 'get' | Body['kind'];

/** Where an operation is. */
export const Place = {
  /** Behind another one on its key, or until its session has room. */
  lane: 0,
  /** At the gate of its partition, until a pause is over. */
  gate: 1,
  /** In the queue of a pipe, not sent. */
  queue: 2,
  /** Sent and not answered. */
  sent: 3,
  /** Its promise is settled. */
  done: 4,
} as const;
export type Place = (typeof Place)[keyof typeof Place];

/** What a write answers that looked first. */
export interface LookedAnswer {
  /** At which it took effect; where nothing changed, the partition's. */
  readonly revision: number;
  readonly compareFailed: boolean;
  /** Of what was there; 0: nothing was. */
  readonly previousRevision: number;
  /** False: only the revision and `compareFailed` are known. */
  readonly resultKept: boolean;
}

/** Makes results from what came over the wire. What it throws rejects the call. */
export interface ResultReader {
  /** @param bytes - valid during the call only: the value is bytes[start, end) */
  found(
    op: Operation,
    bytes: Uint8Array,
    start: number,
    end: number,
    revision: number,
    ageMs: number,
    expiresAt: number,
  ): unknown;
  /** @param bytes - as for `found`: the previous value, if it was asked for and there */
  looked(
    op: Operation,
    look: Look,
    answer: LookedAnswer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): unknown;
  /** Of an operation with a body. @param result - null: it took effect before, and its result is not kept */
  carriedOut(op: Operation, answer: LookedAnswer, result: BodyResult | null): unknown;
}

/**
 * One call of the application on its way. The promise is the caller's; everything else that belongs to
 * the call is in here, so that nothing more has to be made for it.
 */
export class Operation implements Expiring, Abortable {
  readonly kind: OperationKind;
  /** The key as the caller named it. */
  readonly name: Key;
  readonly key: Uint8Array;
  /** Of a put. */
  readonly value: Uint8Array | null;
  /** Of a write that is not blind. */
  readonly look: Look | null;
  /** Of a read. */
  readonly level: ReadLevel;
  /** A read that any replica may serve. */
  readonly eventual: boolean;
  readonly reader: ResultReader;
  readonly signal: AbortSignal | null;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;

  // Of some kinds only; set before it is submitted.
  /** Of a put: the key goes when so much log time has passed; 0: it stays. */
  ttlMs = 0;
  /** Of what is more than one put, delete or get. `key` is then the first key of it. */
  body: Body | null = null;
  /** Everything that the body touches; null: `key` alone. */
  spans: readonly Span[] | null = null;
  /** Encoded size of the body. */
  bodyBytes = 0;
  /**
   * Of what goes on in other operations: all that they will touch. Later calls wait for it until `Engine.endTurn`, also
   * when this one is finished.
   */
  reach: readonly Span[] | null = null;
  /** Whether it goes on with what another one has begun, and so waits for nothing. */
  isWithinReach = false;

  place: Place = Place.lane;
  /** Order of the calls of this client. */
  serial = 0;
  /** An attempt that is over may have taken effect. */
  maybeApplied = false;
  lastError: DougError | null = null;
  /** Attempts in a row that were made without a pause. */
  hasty = 0;

  // Identity, for life (S16).
  session: Session | null = null;
  seq = 0;

  // The attempt.
  /** How often it was sent. */
  sends = 0;
  partitionId = 0;
  epochVersion = 0;
  nodeId = 0;
  via = '';
  pipe: NodePipe | null = null;
  itemId = 0;
  /** The time that whoever got it was told that it has. */
  givenMs = 0;

  // Of KeyLanes.
  lane: Lane | null = null;
  laneNext: Operation | null = null;

  // Of DeadlineQueue.
  deadlineMs = 0;
  expiry: ExpiryList | null = null;
  earlier: Expiring | null = null;
  later: Expiring | null = null;

  /** Set while the signal is watched. */
  onAbort: ((op: Operation) => void) | null = null;

  constructor(
    kind: OperationKind,
    name: Key,
    key: Uint8Array,
    value: Uint8Array | null,
    look: Look | null,
    level: ReadLevel,
    reader: ResultReader,
    signal: AbortSignal | null,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.kind = kind;
    this.name = name;
    this.key = key;
    this.value = value;
    this.look = look;
    this.level = level;
    this.eventual = kind === 'get' && mayBeAnyReplica(level.consistency);
    this.reader = reader;
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
  }

  get isRead(): boolean {
    return this.kind === 'get';
  }

  /** Size on the wire, about. */
  get sizeBytes(): number {
    const contentBytes = this.value === null ? this.bodyBytes : this.value.length;
    return 64 + this.key.length + contentBytes;
  }

  /** {@inheritDoc Abortable.aborted} */
  aborted(): void {
    this.onAbort?.(this);
  }
}
