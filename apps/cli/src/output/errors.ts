import { codes, DougError } from '@dougdb/rpc-proto';
import type { OutputFormat } from '../globals.js';
import { isNotFoundError, isUsageError } from '../usage-error.js';

/** What a failure is told as, and what the process ends with. */
export interface Failure {
  readonly code: string;
  readonly outcome: 'NOT_APPLIED' | 'UNKNOWN';
  readonly message: string;
  readonly exitCode: number;
}

const USAGE = 2;
const NOT_FOUND = 3;

/** The failure that a thrown value stands for. */
export function failureOf(error: unknown): Failure {
  if (DougError.is(error)) {
    const { code, outcome, message } = error;
    return { code, outcome, message, exitCode: codes[error.reason].exitCode };
  }
  if (isUsageError(error)) {
    return { code: error.code, outcome: 'NOT_APPLIED', message: error.message, exitCode: USAGE };
  }
  if (isNotFoundError(error)) {
    const { code, message } = error;
    return { code, outcome: 'NOT_APPLIED', message, exitCode: NOT_FOUND };
  }
  const message = (error as { message?: string } | null)?.message ?? String(error);
  return { code: 'DOUG_INTERNAL', outcome: 'UNKNOWN', message, exitCode: 1 };
}

/** A failure as a line for standard error. */
export function failureLine(failure: Failure, format: OutputFormat): string {
  const { code, outcome, message } = failure;
  if (format === 'json') return `${JSON.stringify({ code, outcome, message })}\n`;
  if (code === 'DOUG_USAGE' || code === 'DOUG_NOT_FOUND') return `doug: ${message}\n`;
  const doubt = outcome === 'UNKNOWN' ? ' (it may have taken effect)' : '';
  return `doug: ${message}${doubt} [${code}]\n`;
}
