import type { Clock, Random, Timer } from '@dougdb/ports';
import {
  type Consistency,
  DougError,
  fromWire,
  type PipeOp,
  type ResponseHeader,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import type { Admission } from '../forward/admission.js';
import { facadeIsBusy } from '../forward/client-pipe.js';
import type { Forwarder } from '../forward/forwarder.js';
import type { Origin } from '../forward/origin.js';
import { mayHaveApplied, reactTo } from '../routing/route-errors.js';
import { finalError, outOfTime } from './call-errors.js';

/** Attempts without a pause between them, for one call in a row. */
const maxHasty = 3;

/** What a write answered. */
export interface Written {
  readonly header: ResponseHeader;
  readonly revision: number;
  readonly resultNotKept: boolean;
  readonly compareFailed: boolean;
  readonly previousRevision: number;
  readonly previousValue: Uint8Array;
  /** An encoded TxnResult or DeleteRangeResult, by what the command was. */
  readonly result: Uint8Array;
}

/** What a read answered. */
export interface Read {
  readonly header: ResponseHeader;
  /** Null: there is no such key. */
  readonly value: Uint8Array | null;
  readonly revision: number;
  /** Log time at which the key goes; 0: never. */
  readonly expiresAt: number;
}

/** An operation of a single call. */
export interface PointCall {
  readonly op: PipeOp;
  /** An encoded Command, or the key of a get. */
  readonly bytes: Uint8Array;
  readonly consistency: Consistency;
  /** Of a get: see ReadLevel. */
  readonly argument: number;
  /** A write without an op id is never sent again once it may have taken effect. */
  readonly hasOpId: boolean;
  readonly deadlineMs: number;
}

/** A call that is under way. */
export interface Started<T> {
  /** Rejects with a DougError that has the outcome of all attempts. */
  readonly answer: Promise<T>;
  /** Nobody waits for it any more: it is not sent again. */
  cancel(): void;
}

interface Pending extends PointCall {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: DougError) => void;
  /** Of the pause before the next attempt. */
  timer: Timer | null;
  maybeApplied: boolean;
  /** In a row without a pause between them. */
  hasty: number;
  failures: number;
}

/** What the calls are made of. */
export interface PointCallPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
  readonly forwarder: Forwarder;
  readonly admission: Admission;
}

/**
 * Single reads and writes of callers that know nothing of partitions. They travel on the Pipes to the
 * nodes with everything else and are sent again until one has answered or their time is up, by the
 * table of codes.
 */
export class PointCalls implements Origin {
  readonly isGone = false;
  readonly #ports: PointCallPorts;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  constructor(ports: PointCallPorts) {
    this.#ports = ports;
  }

  /** Calls that are not settled. */
  get open(): number {
    return this.#pending.size;
  }

  write(call: PointCall): Started<Written> {
    return this.#start(call);
  }

  read(call: PointCall): Started<Read> {
    return this.#start(call);
  }

  /** Ends all calls: the facade stops. */
  close(): void {
    for (const [id, call] of [...this.#pending]) {
      this.#finish(id, call);
      const mayBe = call.op !== 'get';
      call.reject(
        new DougError(mayBe ? 'IN_DOUBT' : 'DRAINING', 'the facade is stopping', {
          outcome: mayBe ? 'UNKNOWN' : 'NOT_APPLIED',
        }),
      );
    }
  }

  #start<T extends Written | Read>(call: PointCall): Started<T> {
    const id = this.#nextId++;
    const answer = new Promise<T>((resolve, reject) => {
      if (!this.#ports.admission.tryEnter(call.bytes.length)) {
        reject(facadeIsBusy);
        return;
      }
      const pending: Pending = {
        ...call,
        resolve: resolve as (answer: never) => void,
        reject,
        timer: null,
        maybeApplied: false,
        hasty: 0,
        failures: 0,
      };
      this.#pending.set(id, pending);
      this.#send(id, pending);
    });
    return { answer, cancel: () => this.#cancel(id) };
  }

  #send(id: number, call: Pending): void {
    const { forwarder } = this.#ports;
    const { op, bytes, consistency, argument, deadlineMs, maybeApplied } = call;
    forwarder.begin(this, bytes);
    const refusal = forwarder.forward(
      id,
      deadlineMs,
      maybeApplied,
      op,
      0,
      bytes.length,
      consistency,
      argument,
    );
    if (refusal !== null) this.#attemptFailed(id, call, refusal);
  }

  #attemptFailed(id: number, call: Pending, error: DougError): void {
    const { clock, random, backoff } = this.#ports;
    const attempt = {
      isRead: call.op === 'get',
      hasOpId: call.hasOpId,
      maybeApplied: call.maybeApplied,
    };
    const reaction = reactTo(error, attempt);
    call.maybeApplied = mayHaveApplied(error, attempt);
    if (reaction === 'give-up' || reaction === 'new-id') {
      this.#finish(id, call);
      call.reject(finalError(error, call.maybeApplied));
      return;
    }
    const isHasty = reaction === 'reroute' && call.hasty < maxHasty;
    call.hasty = isHasty ? call.hasty + 1 : 0;
    const pauseMs = isHasty ? 0 : backoffMs(++call.failures, random, backoff, error.retryAfterMs);
    if (clock.monotonicMs() + pauseMs >= call.deadlineMs) {
      this.#finish(id, call);
      call.reject(outOfTime(error, call.maybeApplied));
      return;
    }
    // Never from inside of an answer: see Origin.
    call.timer = clock.setTimer(pauseMs, () => this.#send(id, call));
  }

  #cancel(id: number): void {
    const call = this.#pending.get(id);
    if (call === undefined) return;
    this.#finish(id, call);
    this.#ports.forwarder.cancel(this, new Set([id]));
    const outcome = call.op === 'get' ? 'NOT_APPLIED' : 'UNKNOWN';
    call.reject(new DougError('ABORTED', 'the caller has gone away', { outcome }));
  }

  #finish(id: number, call: Pending): void {
    this.#pending.delete(id);
    this.#ports.admission.leave(call.bytes.length);
    call.timer?.cancel();
  }

  #settle(id: number, answer: Written | Read): void {
    const call = this.#pending.get(id);
    if (call === undefined) return;
    this.#finish(id, call);
    call.resolve(answer as never);
  }

  // Origin

  /** @internal */
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
  ): void {
    const previousValue = new Uint8Array(bytes.subarray(valueStart, valueEnd));
    const result = new Uint8Array(bytes.subarray(resultStart, resultEnd));
    this.#settle(id, {
      header,
      revision,
      resultNotKept,
      compareFailed,
      previousRevision,
      previousValue,
      result,
    });
  }

  /** @internal */
  found(
    id: number,
    header: ResponseHeader,
    bytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
  ): void {
    const value = new Uint8Array(bytes.subarray(valueStart, valueEnd));
    this.#settle(id, { header, value, revision, expiresAt });
  }

  /** @internal */
  absent(id: number, header: ResponseHeader): void {
    this.#settle(id, { header, value: null, revision: 0, expiresAt: 0 });
  }

  /** @internal */
  failed(id: number, _header: ResponseHeader | null, error: WireError): void {
    const call = this.#pending.get(id);
    if (call !== undefined) this.#attemptFailed(id, call, fromWire(error));
  }
}
