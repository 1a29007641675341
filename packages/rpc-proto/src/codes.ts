import { Code } from './gen/dougdb/v1/types.js';

/**
 * What is certain about an attempt that failed. `NOT_APPLIED`: it will never take effect. `UNKNOWN`:
 * it may have taken effect, or may still. Reads are always `NOT_APPLIED`.
 */
export type OutcomeName = 'NOT_APPLIED' | 'UNKNOWN';

/**
 * What a client does by itself after this error.
 * - `no`: nothing; the caller decides.
 * - `at-once`: asks whom the route hint names, without waiting.
 * - `backoff`: waits (at least `retryAfterMs`), then sends again.
 * - `with-op-id`: sends again only what carries an op id; a write without one is never sent twice.
 * - `new-id`: sends again under a new op id, and only if this was the op's only attempt.
 * - `other-replica`: asks another replica.
 * - `resume`: opens the watch again from the last token.
 */
export type RetryRule =
  | 'no'
  | 'at-once'
  | 'backoff'
  | 'with-op-id'
  | 'new-id'
  | 'other-replica'
  | 'resume';

/** One row of {@link codes}. */
export interface CodeRow {
  /** Number in the enum `dougdb.v1.Code`; null: made by the SDK, never on the wire. */
  readonly wire: number | null;
  /** gRPC status of a call that fails so; null: never the status of a call. */
  readonly grpcStatus: number | null;
  /** Outcome when whoever raises the error says nothing else. `UNKNOWN` wherever it depends. */
  readonly outcome: OutcomeName;
  /** What a client does by itself. */
  readonly retry: RetryRule;
  /** Exit code of the `doug` command. */
  readonly exitCode: number;
}

/**
 * The one table of error codes. Everything that needs to know something about a code (gRPC status,
 * retries, exit codes, documentation) reads it here.
 *
 * The outcome is a default. Four codes depend on the attempt, and whoever raises them says which:
 * `SESSION_EXPIRED` is `NOT_APPLIED` for an op that was sent only once; `ABORTED` and `CLOSED` are
 * `NOT_APPLIED` if nothing was sent; every error of a read is `NOT_APPLIED`. `RESULT_NOT_KEPT` means
 * that the op WAS applied, under this op id, and only its answer is gone: `NOT_APPLIED` would be a lie.
 *
 * `IN_DOUBT` is DEADLINE_EXCEEDED rather than UNAVAILABLE when it is the status of a whole call,
 * because generic gRPC middleware likes to send UNAVAILABLE calls again.
 */
export const codes = {
  /** Garbage, unknown field, empty key, key or value over its limit, bad token, bad UTF-8. */
  INVALID_ARGUMENT: {
    wire: Code.CODE_INVALID_ARGUMENT,
    grpcStatus: 3,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 2,
  },
  /** A message over the request limit. */
  TOO_LARGE: {
    wire: Code.CODE_TOO_LARGE,
    grpcStatus: 8,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 2,
  },
  /** Another replica leads; the route hint says which, if known. */
  NOT_LEADER: {
    wire: Code.CODE_NOT_LEADER,
    grpcStatus: 9,
    outcome: 'NOT_APPLIED',
    retry: 'at-once',
    exitCode: 7,
  },
  /** The partition has other bounds or members than the request assumes. */
  EPOCH_MISMATCH: {
    wire: Code.CODE_EPOCH_MISMATCH,
    grpcStatus: 9,
    outcome: 'NOT_APPLIED',
    retry: 'at-once',
    exitCode: 7,
  },
  /** No leader is known at the moment. */
  NO_LEADER: {
    wire: Code.CODE_NO_LEADER,
    grpcStatus: 14,
    outcome: 'NOT_APPLIED',
    retry: 'backoff',
    exitCode: 7,
  },
  /** The node is going down. */
  DRAINING: {
    wire: Code.CODE_DRAINING,
    grpcStatus: 14,
    outcome: 'NOT_APPLIED',
    retry: 'backoff',
    exitCode: 7,
  },
  /** The node, or its replica, is not ready yet. */
  STARTING: {
    wire: Code.CODE_STARTING,
    grpcStatus: 14,
    outcome: 'NOT_APPLIED',
    retry: 'backoff',
    exitCode: 7,
  },
  /** A queue or a session is full. */
  BUSY: {
    wire: Code.CODE_BUSY,
    grpcStatus: 8,
    outcome: 'NOT_APPLIED',
    retry: 'backoff',
    exitCode: 7,
  },
  /** No disk space left for growth. */
  NO_SPACE: {
    wire: Code.CODE_NO_SPACE,
    grpcStatus: 8,
    outcome: 'NOT_APPLIED',
    retry: 'backoff',
    exitCode: 7,
  },
  /** The time ran out before the op was proposed. */
  DEADLINE: {
    wire: Code.CODE_DEADLINE,
    grpcStatus: 4,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 7,
  },
  /** Proposed, and then the time ran out, the leader changed or the stream was lost. */
  IN_DOUBT: {
    wire: Code.CODE_IN_DOUBT,
    grpcStatus: 4,
    outcome: 'UNKNOWN',
    retry: 'with-op-id',
    exitCode: 5,
  },
  /** A condition did not hold. On the wire this is a normal response. */
  COMPARE_FAILED: { wire: null, grpcStatus: 0, outcome: 'NOT_APPLIED', retry: 'no', exitCode: 4 },
  /** A transaction that touches more than one partition. */
  CROSS_PARTITION: {
    wire: Code.CODE_CROSS_PARTITION,
    grpcStatus: 9,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 1,
  },
  /** The session is too old for this partition, or the seq is below firstIncomplete. */
  SESSION_EXPIRED: {
    wire: Code.CODE_SESSION_EXPIRED,
    grpcStatus: 9,
    outcome: 'UNKNOWN',
    retry: 'new-id',
    exitCode: 5,
  },
  /** Applied before under this op id; the full result is no longer there. A normal response. */
  RESULT_NOT_KEPT: {
    wire: Code.CODE_RESULT_NOT_KEPT,
    grpcStatus: 0,
    outcome: 'UNKNOWN',
    retry: 'no',
    exitCode: 0,
  },
  /** A revision below the history floor. */
  COMPACTED: {
    wire: Code.CODE_COMPACTED,
    grpcStatus: 11,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 1,
  },
  /** A revision that does not exist yet. */
  FUTURE_REVISION: {
    wire: Code.CODE_FUTURE_REVISION,
    grpcStatus: 11,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 1,
  },
  /** A watcher that cannot keep up; it goes on from its token. */
  LAGGING: {
    wire: Code.CODE_LAGGING,
    grpcStatus: 10,
    outcome: 'NOT_APPLIED',
    retry: 'resume',
    exitCode: 1,
  },
  /** A method or feature that the other side does not have. */
  UNIMPLEMENTED: {
    wire: Code.CODE_UNIMPLEMENTED,
    grpcStatus: 12,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 1,
  },
  /** A key or value that the SDK's codec refuses. */
  DECODE: { wire: null, grpcStatus: null, outcome: 'NOT_APPLIED', retry: 'no', exitCode: 1 },
  /** The node belongs to another cluster. */
  CLUSTER_MISMATCH: {
    wire: Code.CODE_CLUSTER_MISMATCH,
    grpcStatus: 9,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 1,
  },
  /** Stored data failed a check on this replica. */
  CORRUPT: {
    wire: Code.CODE_CORRUPT,
    grpcStatus: 15,
    outcome: 'NOT_APPLIED',
    retry: 'other-replica',
    exitCode: 1,
  },
  /** Who is asking is not known. */
  UNAUTHENTICATED: {
    wire: Code.CODE_UNAUTHENTICATED,
    grpcStatus: 16,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 6,
  },
  /** Who is asking may not do this. */
  PERMISSION_DENIED: {
    wire: Code.CODE_PERMISSION_DENIED,
    grpcStatus: 7,
    outcome: 'NOT_APPLIED',
    retry: 'no',
    exitCode: 6,
  },
  /** The caller gave up (its signal). */
  ABORTED: {
    wire: Code.CODE_ABORTED,
    grpcStatus: 1,
    outcome: 'UNKNOWN',
    retry: 'no',
    exitCode: 130,
  },
  /** The client was closed. */
  CLOSED: { wire: null, grpcStatus: 1, outcome: 'UNKNOWN', retry: 'no', exitCode: 1 },
  /** A bug, or an answer that makes no sense. */
  INTERNAL: {
    wire: Code.CODE_INTERNAL,
    grpcStatus: 13,
    outcome: 'UNKNOWN',
    retry: 'no',
    exitCode: 1,
  },
} as const satisfies Record<string, CodeRow>;

/** Bare name of a code, as in the documentation and as `reason` of google.rpc.ErrorInfo. */
export type CodeName = keyof typeof codes;

/** Name of a code as `DougError.code`. */
export type DougErrorCode = `DOUG_${CodeName}`;

/** All bare names, in the order of the table. */
export const codeNames: readonly CodeName[] = Object.freeze(Object.keys(codes) as CodeName[]);

const byWire: readonly (CodeName | undefined)[] = codeNames.reduce<(CodeName | undefined)[]>(
  (names, name) => {
    const { wire } = codes[name];
    if (wire !== null) names[wire] = name;
    return names;
  },
  [],
);

/** The name of a number of `dougdb.v1.Code`; undefined for 0 and for numbers that this version does not know. */
export function codeFromWire(wire: number): CodeName | undefined {
  return byWire[wire];
}

/** Whether a string is a bare code name of the table. */
export function isCodeName(value: string): value is CodeName {
  return Object.hasOwn(codes, value);
}
