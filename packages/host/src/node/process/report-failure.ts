const USAGE = 2;
const INTERNAL_ERROR = 1;

/**
 * Says on stderr why a command failed.
 * @param program - name of the command
 * @param error - of the command line parser (has said all itself), a UsageError, or anything
 * @returns the exit code
 */
export function reportFailure(program: string, error: unknown): number {
  const { code, exitCode, message } = error as Partial<Record<string, unknown>>;
  if (String(code).startsWith('commander.')) return exitCode === 0 ? 0 : USAGE;
  if (exitCode === USAGE) {
    console.error(`${program}: ${String(message)}`);
    return USAGE;
  }
  console.error(`${program}: internal error:`, error);
  return INTERNAL_ERROR;
}
