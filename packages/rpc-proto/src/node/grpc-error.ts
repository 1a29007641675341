import { Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import { codes } from '../codes.js';
import { DougError, fromWire, toWire, wellFormed } from '../doug-error.js';
import { type RouteHint, Error as WireError } from '../gen/dougdb/v1/types.js';
import { decodeDetails, encodeErrorInfo, encodeStatus } from './google-status.js';
import { asBuffer } from './service-definitions.js';

const detailsKey = 'grpc-status-details-bin';
const domain = 'dougdb';
const errorType = 'dougdb.v1.Error';
const errorInfoType = 'google.rpc.ErrorInfo';

/**
 * Most bytes of status details (5.3 KiB in base64) and of the status message as it is sent. Together
 * they stay below the 8 KiB of metadata that every gRPC implementation takes.
 */
const detailsLimitBytes = 4096;
const messageLimitBytes = 1536;

/** What {@link grpcError} returns: what a grpc-js callback or an 'error' event takes. */
export type GrpcError = ServiceError;

/**
 * The gRPC error for whatever a handler threw: status by the table of codes, a message, and
 * `grpc-status-details-bin` with google.rpc.ErrorInfo {reason, domain 'dougdb'} and dougdb.v1.Error.
 * A route hint that is too large for metadata is shortened or left out: the client asks elsewhere.
 */
export function grpcError(error: unknown): GrpcError {
  const known = DougError.from(error);
  const message = toWire(known);
  // A call that fails must not have status OK, whatever the table says about normal responses.
  const code = codes[known.reason].grpcStatus || Status.INTERNAL;
  const metadata = new Metadata();
  const details = statusMessage(message.message);
  metadata.set(detailsKey, asBuffer(encodeDetails(code, details, known.reason, message)));
  return Object.assign(new Error(details), { name: 'GrpcError', code, details, metadata });
}

function encodeDetails(code: number, text: string, reason: string, error: WireError): Uint8Array {
  const info = { type: errorInfoType, value: encodeErrorInfo(reason, domain) };
  let encoded: Uint8Array = new Uint8Array(0);
  for (const route of shorterAndShorter(error.route)) {
    const value = WireError.encode({ ...error, route }).finish();
    encoded = encodeStatus(code, text, [info, { type: errorType, value }]);
    if (encoded.length <= detailsLimitBytes) break;
  }
  return encoded;
}

/** gRPC sends its message percent-encoded: up to nine bytes for a character. */
function statusMessage(message: string): string {
  const fits = encodeURI(message).length <= messageLimitBytes;
  return fits ? message : wellFormed(message, messageLimitBytes / 9);
}

/** A hint with its bounds cut short would be wrong, so parts are left out whole. */
function shorterAndShorter(route: RouteHint | undefined): (RouteHint | undefined)[] {
  if (route === undefined) return [undefined];
  const leader = route.nodes.filter((node) => node.nodeId === route.leaderNodeId);
  return [
    route,
    { ...route, nodes: leader },
    { ...route, partition: undefined },
    { ...route, partition: undefined, nodes: leader },
    { ...route, partition: undefined, nodes: [] },
  ];
}

/** What the caller knows about a call that failed. */
export interface FailedCall {
  /** 'write': it might have taken effect. Reads are always NOT_APPLIED. */
  readonly kind: 'read' | 'write';
  /** False if nothing was sent yet. Default true. */
  readonly sent?: boolean;
}

/**
 * The DougError for an error of a grpc-js call. A status with details of ours is read from them. A bare
 * status (made by the gRPC library, or by a proxy on the way) is NOT_APPLIED only where that is certain:
 * in doubt a write is UNKNOWN.
 */
export function fromGrpcError(error: unknown, call: FailedCall): DougError {
  if (DougError.is(error)) return error;
  if (!isStatus(error))
    return DougError.from(error, call.kind === 'read' ? 'NOT_APPLIED' : 'UNKNOWN');
  const told = readDetails(error);
  if (told !== undefined) {
    if (call.kind === 'write' || told.outcome === 'NOT_APPLIED') return told;
    const { route, retryAfterMs } = told;
    return new DougError(told.reason, told.message, {
      outcome: 'NOT_APPLIED',
      route,
      retryAfterMs,
      cause: error,
    });
  }
  return fromBareStatus(error, call);
}

interface StatusLike {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

function isStatus(value: unknown): value is StatusLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'number' &&
    'details' in value &&
    typeof value.details === 'string'
  );
}

function readDetails(error: StatusLike): DougError | undefined {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  if (bytes === undefined || typeof bytes === 'string') return undefined;
  try {
    const detail = decodeDetails(bytes).find(({ type }) => type === errorType);
    return detail && fromWire(WireError.decode(detail.value));
  } catch {
    // Garbage in the details: the status alone still says something.
    return undefined;
  }
}

function fromBareStatus(error: StatusLike, call: FailedCall): DougError {
  const safe = call.kind === 'read' || call.sent === false;
  const make = (reason: ConstructorParameters<typeof DougError>[0], certain: boolean): DougError =>
    new DougError(reason, describe(error), {
      outcome: certain || safe ? 'NOT_APPLIED' : 'UNKNOWN',
      cause: error,
    });
  switch (error.code) {
    case Status.CANCELLED:
      return make('ABORTED', false);
    case Status.DEADLINE_EXCEEDED:
      return safe ? make('DEADLINE', true) : make('IN_DOUBT', false);
    case Status.UNAVAILABLE:
      // The call never left this process.
      if (/No connection established/.test(error.details)) return make('NO_LEADER', true);
      // RFC 9113 8.7: closed before any processing.
      if (error.details === 'Stream refused by server') return make('BUSY', true);
      return make('IN_DOUBT', false);
    case Status.RESOURCE_EXHAUSTED:
      // "Sent message larger than max" is about the answer: by then the op was served.
      if (/^(?!Sent ).*larger than/.test(error.details)) return make('TOO_LARGE', true);
      // Out of something on the way, for instance HTTP/2's ENHANCE_YOUR_CALM in the middle of a call.
      return safe ? make('BUSY', true) : make('IN_DOUBT', false);
    case Status.UNIMPLEMENTED:
      // grpc-js also says UNIMPLEMENTED when a unary call was answered with no or two messages.
      if (/responses? received|No message received/.test(error.details))
        return make('INTERNAL', false);
      return make('UNIMPLEMENTED', true);
    case Status.UNAUTHENTICATED:
      return make('UNAUTHENTICATED', true);
    case Status.PERMISSION_DENIED:
      return make('PERMISSION_DENIED', true);
    default:
      return make('INTERNAL', false);
  }
}

function describe(error: StatusLike): string {
  const name = Status[error.code] ?? `status ${error.code}`;
  return wellFormed(`${name}: ${error.details === '' ? 'no details' : error.details}`, 512);
}
