import type { CallContext } from '@dougdb/member';
import { monotonicDeadlineMs } from '@dougdb/rpc-proto/node';
import type { Deadline } from '@grpc/grpc-js';

/** Longest that a unary call may take, and how long it may when its caller does not say. */
const UNARY_LIMIT_MS = 30_000;

/** The caller's patience on the monotonic clock, no longer than the server's own limit. */
export function callContext(deadline: Deadline, limitMs: number = UNARY_LIMIT_MS): CallContext {
  return { deadlineMs: monotonicDeadlineMs(deadline, limitMs) };
}
