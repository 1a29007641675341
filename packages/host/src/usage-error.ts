/** Flags, environment or config file that cannot be served: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'HOST_USAGE';
  readonly exitCode = 2;
}
