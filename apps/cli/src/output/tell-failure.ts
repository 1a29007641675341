import type { OutputFormat } from '../globals.js';
import type { Io } from '../io.js';
import { failureJson, failureText, hintText } from './errors.js';
import type { Failure } from './failure.js';
import { paintFor } from './paint.js';

/** Tells a failure on standard error. */
export function tellFailure(io: Io, failure: Failure, format: OutputFormat): Promise<void> {
  const { stderr, env } = io;
  const text =
    format === 'json' ? failureJson(failure) : failureText(failure, paintFor(stderr, env));
  return stderr.write(text);
}

/** Tells what to do about failures that were told before. For people only. */
export function tellHint({ stderr, env }: Io, hint: string): Promise<void> {
  return stderr.write(hintText(hint, paintFor(stderr, env)));
}
