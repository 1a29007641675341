// What goes wrong in this program itself; what goes wrong in the cluster is a DougError. All of them are
// recognised by their code, never by their class.

/** A command line or an input that makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'DOUG_USAGE';
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

export function isUsageError(value: unknown): value is UsageError {
  return hasCode(value, 'DOUG_USAGE');
}

/** A key that is not there: exit code 3. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
  readonly code = 'DOUG_NOT_FOUND';
}

export function isNotFoundError(value: unknown): value is NotFoundError {
  return hasCode(value, 'DOUG_NOT_FOUND');
}

/** What was to be printed could not be: exit code 1. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly code = 'DOUG_OUTPUT';

  constructor(cause: { readonly message: string }) {
    super(`cannot write the output: ${cause.message}`, { cause });
  }
}

export function isOutputError(value: unknown): value is OutputError {
  return hasCode(value, 'DOUG_OUTPUT');
}

/** No cluster could be reached; `cause` is the client's error. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code = 'DOUG_CONNECT';
  /** Where the endpoints were named. */
  readonly endpointsFrom: string;

  constructor(cause: unknown, endpointsFrom: string) {
    super('no connection', { cause });
    this.endpointsFrom = endpointsFrom;
  }
}

export function isConnectError(value: unknown): value is ConnectError {
  return hasCode(value, 'DOUG_CONNECT');
}

function hasCode(value: unknown, code: string): boolean {
  return typeof value === 'object' && value !== null && 'code' in value && value.code === code;
}
