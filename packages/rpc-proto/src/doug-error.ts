import {
  type CodeName,
  codeFromWire,
  codes,
  type DougErrorCode,
  type OutcomeName,
} from './codes.js';
import { Code, Outcome, type RouteHint, type Error as WireError } from './gen/dougdb/v1/types.js';

const brand = Symbol.for('dougdb.error');

/** What may be said about an error beyond its code and message. */
export interface DougErrorOptions {
  /** Default: the outcome column of the code. */
  readonly outcome?: OutcomeName | undefined;
  /** Whom to ask instead. */
  readonly route?: RouteHint | undefined;
  /** Shortest pause before the next try; 0 or left out: nothing said. */
  readonly retryAfterMs?: number | undefined;
  /** What led to it. Never sent anywhere. */
  readonly cause?: unknown;
}

/**
 * The error of every DougDB call. Branch on `code`; recognise it with {@link DougError.is}, never with
 * `instanceof`: two copies of this package, or two realms, may meet in one process.
 */
export class DougError extends Error {
  override readonly name: string = 'DougError';
  readonly code: DougErrorCode;
  /** The code without its prefix: the key into the table of codes. */
  readonly reason: CodeName;
  /** What is certain about this attempt. */
  readonly outcome: OutcomeName;
  readonly route: RouteHint | undefined;
  /** Shortest pause before the next try; 0: nothing said. */
  readonly retryAfterMs: number;

  /** @param reason - the bare name of the code @param message - lower case, names the facts */
  constructor(reason: CodeName, message: string, options: DougErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.reason = reason;
    this.code = `DOUG_${reason}`;
    this.outcome = options.outcome ?? codes[reason].outcome;
    this.route = options.route;
    this.retryAfterMs = options.retryAfterMs ?? 0;
    Object.defineProperty(this, brand, { value: true });
  }

  /**
   * Whether the caller may make the same call again without the risk that it takes effect twice, and
   * with a chance that it then succeeds. False whenever the outcome is `UNKNOWN`.
   */
  get retryable(): boolean {
    return this.outcome === 'NOT_APPLIED' && codes[this.reason].retry !== 'no';
  }

  /** Whether a value is a DougError, whichever copy of this package made it. */
  static is(value: unknown): value is DougError {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /**
   * A DougError as it is; anything else as `INTERNAL` with the value as its cause.
   * @param outcome - outcome of a wrapped error; `UNKNOWN` unless the caller knows better
   */
  static from(value: unknown, outcome: OutcomeName = 'UNKNOWN'): DougError {
    if (DougError.is(value)) return value;
    return new DougError('INTERNAL', `internal error: ${describe(value)}`, {
      outcome,
      cause: value,
    });
  }
}

/** Longest message that leaves this process, in UTF-16 units. */
const wireMessageLimit = 512;

/**
 * The message dougdb.v1.Error for an error. Codes that have no number on the wire are sent as
 * `INTERNAL`, `CLOSED` as `ABORTED`; the outcome is kept. The cause is not sent.
 */
export function toWire(error: DougError): WireError {
  return {
    code: wireCode(error.reason),
    outcome:
      error.outcome === 'NOT_APPLIED' ? Outcome.OUTCOME_NOT_APPLIED : Outcome.OUTCOME_UNKNOWN,
    message: wellFormed(error.message, wireMessageLimit),
    route: error.route,
    retryAfterMs:
      Math.max(0, Math.min(Math.ceil(error.retryAfterMs), Number.MAX_SAFE_INTEGER)) || 0,
  };
}

/**
 * The error that a message stands for. A code that this version does not know is `INTERNAL`; whatever
 * does not say NOT_APPLIED is `UNKNOWN`.
 */
export function fromWire(message: WireError): DougError {
  const known = codeFromWire(message.code);
  const text = message.message === '' ? 'no message' : message.message;
  return new DougError(
    known ?? 'INTERNAL',
    known ? text : `unknown code ${message.code}: ${text}`,
    {
      outcome: message.outcome === Outcome.OUTCOME_NOT_APPLIED ? 'NOT_APPLIED' : 'UNKNOWN',
      route: message.route,
      retryAfterMs: message.retryAfterMs,
    },
  );
}

/**
 * Text that survives every encoder on its way: lone surrogates become U+FFFD (`encodeURI`, which
 * gRPC uses for its status message, throws on them) and what is longer than the limit ends in "...".
 */
export function wellFormed(text: string, limitUnits: number): string {
  const cut = text.length > limitUnits ? `${text.slice(0, limitUnits - 3)}...` : text;
  return cut.replace(/\p{Surrogate}/gu, '\ufffd');
}

function wireCode(reason: CodeName): Code {
  if (reason === 'CLOSED') return Code.CODE_ABORTED;
  return codes[reason].wire ?? Code.CODE_INTERNAL;
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return 'message' in value && typeof value.message === 'string' ? value.message : 'no message';
}
