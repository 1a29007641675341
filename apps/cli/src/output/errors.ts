import { codes, DougError } from '@dougdb/rpc-proto';
import {
  isConnectError,
  isNotFoundError,
  isOutputError,
  isUsageError,
  type UsageError,
} from '../cli-errors.js';
import { compareFailure } from './compare-failure.js';
import { connectFailure } from './connect-failure.js';
import { deleteFailure } from './delete-failure.js';
import type { Failure } from './failure.js';
import { hints } from './hints.js';
import type { Paint } from './paint.js';
import { watchFailure } from './watch-failure.js';

const INTERNAL = 1;
const USAGE = 2;
const NOT_FOUND = 3;
const IN_DOUBT = 5;
const UNAVAILABLE = 7;

/** The failure that a thrown value stands for. */
export function failureOf(error: unknown): Failure {
  if (isConnectError(error)) {
    return connectFailure(ofDoug(DougError.from(error.cause)), error.endpointsFrom);
  }
  if (DougError.is(error)) {
    return deleteFailure(error, watchFailure(error, compareFailure(error, ofDoug(error))));
  }
  if (isUsageError(error)) return ofUsage(error);
  if (isNotFoundError(error)) {
    const { code, message } = error;
    return { code, outcome: 'NOT_APPLIED', message, exitCode: NOT_FOUND };
  }
  // What a command did before its output was lost, it did.
  const code = isOutputError(error) ? error.code : 'DOUG_INTERNAL';
  const message = (error as { message?: string } | null)?.message ?? String(error);
  return { code, outcome: 'UNKNOWN', message, exitCode: INTERNAL };
}

function ofDoug(error: DougError): Failure {
  const { code, reason, outcome, message } = error;
  const hint = hints[reason] ?? undefined;
  const { exitCode } = codes[reason];
  // Whoever tries again after 7 trusts that nothing was done.
  const isDoubtful = outcome === 'UNKNOWN' && exitCode === UNAVAILABLE;
  return { code, outcome, message, exitCode: isDoubtful ? IN_DOUBT : exitCode, hint };
}

function ofUsage({ code, message, hint }: UsageError): Failure {
  return { code, outcome: 'NOT_APPLIED', message, exitCode: USAGE, hint };
}

/** Codes that are told without their name: the message says it all. */
const plain: ReadonlySet<string> = new Set(['DOUG_USAGE', 'DOUG_NOT_FOUND', 'DOUG_OUTPUT']);

const mayHave = 'may have taken effect';

/** A failure as one JSON object. */
export function failureJson({ code, outcome, message, details }: Failure): string {
  return `${JSON.stringify({ code, outcome, message, ...details })}\n`;
}

/** A failure as a line for people, and what to do about it as another. */
export function failureText(failure: Failure, paint: Paint): string {
  const { code, outcome, message, hint } = failure;
  const isPlain = plain.has(code);
  const isDoubtful = outcome === 'UNKNOWN' && !isPlain && !message.includes(mayHave);
  const doubt = isDoubtful ? ` (it ${mayHave})` : '';
  const name = isPlain ? '' : ` [${code}]`;
  const line = `${paint.red('doug:')} ${oneLine(message)}${doubt}${name}\n`;
  return hint === undefined ? line : line + hintText(hint, paint);
}

/** What to do about a failure, as a line for people. */
export function hintText(hint: string, paint: Paint): string {
  return `${paint.dim(`hint: ${hint}`)}\n`;
}

/** What a node says must not move the cursor or make lines of its own. */
function oneLine(message: string): string {
  return message.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
