import type { Context } from '../context.js';

/** Runs a command with its context, and keeps the exit code that it answers; undefined: 0. */
export type RunCommand = (
  command: (context: Context) => Promise<number | undefined>,
) => Promise<void>;

/** A command that succeeds or throws, as one that answers an exit code. */
export function quiet(
  command: (context: Context) => Promise<void>,
): (context: Context) => Promise<undefined> {
  return async (context) => {
    await command(context);
    return undefined;
  };
}
