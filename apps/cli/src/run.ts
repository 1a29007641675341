import { isOutputError, UsageError } from './cli-errors.js';
import type { Connect } from './context.js';
import { formatOf, type OutputFormat } from './globals.js';
import type { Io } from './io.js';
import type { Failure } from './output/failure.js';
import { makeProgram } from './program/program.js';
import { isAnswered } from './program/usage.js';

const INTERRUPTED = 130;

/**
 * Runs one command line.
 * @param args - without node and script
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io, connect: Connect): Promise<number> {
  const format = formatOf(args);
  try {
    checkText(args);
    const exitCode = await makeProgram(io, connect, format).run(args);
    return io.signal.aborted ? INTERRUPTED : exitCode;
  } catch (error) {
    if (isAnswered(error)) return 0;
    // It knows the protocol's table of codes, which --help need not load.
    const { failureOf } = await import('./output/errors.js');
    const failure = failureOf(error);
    const told = io.signal.aborted ? interrupted(failure) : failure;
    await tell(io, told, format);
    return told.exitCode;
  }
}

async function tell(io: Io, failure: Failure, format: OutputFormat): Promise<void> {
  const { tellFailure } = await import('./output/tell-failure.js');
  try {
    await tellFailure(io, failure, format);
  } catch (error) {
    // Standard error is full: the exit code is all that can still be told.
    if (!isOutputError(error)) throw error;
  }
}

/**
 * Bytes that are no UTF-8 reach a Node.js program as U+FFFD, and would be written as that: silently
 * something else than what was meant.
 */
function checkText(args: readonly string[]): void {
  if (!args.some((arg) => arg.includes('\ufffd'))) return;
  throw new UsageError(
    'an argument is not UTF-8 (or has U+FFFD in it, which is how that looks from here)',
    "give such a value on standard input ('doug put KEY -'), such a key to 'doug import' as key_base64",
  );
}

/** Whatever went wrong after Ctrl-C went wrong because of it. */
function interrupted({ code, outcome, hint, details }: Failure): Failure {
  return {
    code: 'DOUG_ABORTED',
    outcome: code === 'DOUG_INTERNAL' ? 'NOT_APPLIED' : outcome,
    message: 'interrupted',
    exitCode: INTERRUPTED,
    // What the command itself has to say about its end: where a watch goes on.
    ...(code === 'DOUG_ABORTED' ? { hint, details } : {}),
  };
}
