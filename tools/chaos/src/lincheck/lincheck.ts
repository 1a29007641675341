import { Command } from 'commander';
import {
  type CheckReport,
  checkHistory,
  defaultMaxWork,
  operationsByKey,
} from '../checker/check-history.js';
import { explainKey, formatExplanation, plural } from '../checker/explain.js';
import { type CommandOutput, positiveInteger, runProgram, usageExitCode } from '../command-line.js';
import { HistoryFormatError } from '../history/history-format-error.js';
import type { History } from '../history/operation.js';
import { parseHistory } from '../history/parse-history.js';
import { decodeText } from './decode-text.js';

/** The world of the command: what tests hand in instead of the process. */
export interface LincheckIo extends CommandOutput {
  /** @throws if it cannot be read */
  readFile(path: string): Uint8Array;
  /** Milliseconds that only go forward. */
  nowMs(): number;
}

export const exitCodes = {
  linearizable: 0,
  'not-linearizable': 1,
  /** Also: cannot be read, and wrong usage. */
  malformed: usageExitCode,
  undecided: 3,
} as const;

type FileVerdict = keyof typeof exitCodes;

const help = `
Prints one line a file, with tabs: FILE, linearizable | not-linearizable | malformed | undecided, operations, keys, ms.
What is wrong is explained on standard error.

Exit codes: 0 all are linearizable, 1 some are not, 2 some are malformed or cannot be read, or wrong usage,
3 some are undecided. Of several, the first in the order 2, 1, 3 counts.
`;

/** Keys of a file that are explained; of the others only the names are told. */
const explainedKeys = 5;

/**
 * Runs one command line.
 * @param args - without node and script
 * @returns the exit code
 */
export function lincheck(args: readonly string[], io: LincheckIo): number {
  let exitCode = 0;
  const program = new Command('lincheck')
    .description('Says whether histories of what clients saw are linearizable.')
    .argument('<files...>', 'histories, one JSON object a line')
    .option(
      '--max-work <count>',
      'bound on the work, in configurations of the search',
      positiveInteger,
      defaultMaxWork,
    )
    .addHelpText('after', help)
    .action((files: string[], options: { maxWork: number }) => {
      const verdicts = files.map((file) => checkFile(file, options.maxWork, io));
      exitCode = worstOf(verdicts);
    });
  return runProgram(program, args, io, () => exitCode);
}

function checkFile(file: string, maxWork: number, io: LincheckIo): FileVerdict {
  const began = io.nowMs();
  let history: History;
  try {
    history = parseHistory(decodeText(readOrRefuse(file, io)));
  } catch (error) {
    if (!HistoryFormatError.is(error) && !(error instanceof UnreadableError)) throw error;
    io.stdout(`${file}\tmalformed\t${error.message}\n`);
    return 'malformed';
  }
  const report = checkHistory(history, { maxWork });
  const ms = Math.round(io.nowMs() - began);
  const counts = [
    plural(report.operations, 'operation'),
    plural(report.keys, 'key'),
    `${ms} ms`,
  ].join('\t');
  io.stdout(`${file}\t${report.verdict}\t${counts}\n`);
  explain(file, history, report, maxWork, io);
  return report.verdict;
}

function explain(
  file: string,
  history: History,
  { notLinearizable, undecided }: CheckReport,
  limit: number,
  io: LincheckIo,
): void {
  if (notLinearizable.length > 0) {
    io.stderr(`${file}: not linearizable in ${plural(notLinearizable.length, 'key')}\n`);
    const byKey = operationsByKey(history.operations);
    for (const key of notLinearizable.slice(0, explainedKeys)) {
      const explanation = explainKey(key, byKey.get(key) ?? [], limit);
      io.stderr(formatExplanation(explanation, history.timeUnit));
    }
    const others = notLinearizable.slice(explainedKeys);
    if (others.length > 0)
      io.stderr(`also: ${others.map((key) => JSON.stringify(key)).join(' ')}\n`);
  }
  if (undecided.length > 0) {
    const keys = undecided.map((key) => JSON.stringify(key)).join(' ');
    io.stderr(`${file}: undecided with a bound of ${limit} on the work: ${keys}\n`);
  }
}

class UnreadableError extends Error {}

function readOrRefuse(file: string, io: LincheckIo): Uint8Array {
  try {
    return io.readFile(file);
  } catch (cause) {
    throw new UnreadableError(`cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function worstOf(verdicts: readonly FileVerdict[]): number {
  const order = ['malformed', 'not-linearizable', 'undecided', 'linearizable'] as const;
  return exitCodes[order.find((verdict) => verdicts.includes(verdict)) ?? 'linearizable'];
}
