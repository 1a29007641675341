import type { Connect } from './context.js';
import { formatOf } from './globals.js';
import type { Io } from './io.js';
import type { Failure } from './output/errors.js';
import { makeProgram, usageErrorOf } from './program.js';

const INTERRUPTED = 130;

/**
 * Runs one command line.
 * @param args - without node and script
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io, connect: Connect): Promise<number> {
  let exitCode = 0;
  const program = makeProgram(io, connect, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return io.signal.aborted ? INTERRUPTED : exitCode;
  } catch (error) {
    const usage = usageErrorOf(error);
    if (usage === null) return 0;
    // It knows the protocol's table of codes, which --help need not load.
    const { failureLine, failureOf } = await import('./output/errors.js');
    const failure = failureOf(usage ?? error);
    const told = io.signal.aborted ? interrupted(failure) : failure;
    await io.stderr.write(failureLine(told, formatOf(args)));
    return told.exitCode;
  }
}

/** Whatever went wrong after Ctrl-C went wrong because of it. */
function interrupted({ code, outcome }: Failure): Failure {
  return {
    code: 'DOUG_ABORTED',
    outcome: code === 'DOUG_INTERNAL' ? 'NOT_APPLIED' : outcome,
    message: 'interrupted',
    exitCode: INTERRUPTED,
  };
}
