import { type Command, type CommanderError, InvalidArgumentError } from 'commander';

/** What a command writes to: what tests hand in instead of the process. */
export interface CommandOutput {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** A command line that makes no sense, or a file that cannot be used. */
export const usageExitCode = 2;

/**
 * Runs a command line.
 * @param args - without node and script
 * @param exitCode - of the action that ran; asked after it
 * @returns the exit code; 0 for help
 */
export function runProgram(
  program: Command,
  args: readonly string[],
  output: CommandOutput,
  exitCode: () => number,
): number {
  program.configureOutput({ writeOut: output.stdout, writeErr: output.stderr }).exitOverride();
  try {
    program.parse([...args], { from: 'user' });
    return exitCode();
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    return error.exitCode === 0 ? 0 : usageExitCode;
  }
}

/**
 * Runs a command as this process and sets its exit code. An error of ours exits like bad usage: the code
 * that Node itself would choose is that of a verdict.
 */
export function runAsProcess(
  run: (args: readonly string[], output: CommandOutput) => number,
): void {
  const fail = (error: Error): void => {
    process.exitCode = usageExitCode;
    process.stderr.write(`${error.stack}\n`);
  };
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads us has gone (`| head`): there is nobody to tell.
    if (error.code !== 'EPIPE') fail(error);
  });
  const output = {
    stdout: (text: string) => void process.stdout.write(text),
    stderr: (text: string) => void process.stderr.write(text),
  };
  try {
    process.exitCode = run(process.argv.slice(2), output);
  } catch (error) {
    fail(error as Error);
  }
}

/** For options. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('it must be an integer of at least 1.');
}

function isCommanderError(error: unknown): error is CommanderError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' && code.startsWith('commander.');
}
