import { DougError } from '@dougdb/rpc-proto';
import type { Context } from '../context.js';
import { emptyTally, type ImportTally, runImport } from '../import/import-run.js';
import { count, showProgress } from '../import/progress.js';
import { failureOf } from '../output/errors.js';
import { tellFailure, tellHint } from '../output/tell-failure.js';

/** Failed lines that are told one by one. */
const toldFailures = 10;

/** What an import comes to. */
interface Summary {
  readonly imported: number;
  readonly failed: number;
  readonly seconds: number;
  readonly rate: number;
  readonly longest_gap_ms: number;
  readonly retries: number;
}

/**
 * `doug import FILE`: puts every line of NDJSON.
 * @returns the exit code of the first line that failed; 0: none did
 * @throws what else stopped it, after the summary was printed; DougError ABORTED if the user did
 */
export async function importFile(context: Context, path: string): Promise<number> {
  const { io } = context;
  const input = await io.open(path);
  const tally = emptyTally();
  await context.withDb(async (db) => {
    const beganMs = io.nowMs();
    const endProgress = await showProgress(io, tally, input.sizeBytes);
    try {
      await runImport(db, input, io, tally);
    } finally {
      await endProgress();
    }
    await tellFailures(context, tally);
    const seconds = (io.nowMs() - beganMs) / 1000;
    await tellSummary(context, {
      imported: tally.acknowledged,
      failed: tally.failed.length,
      seconds: Math.round(seconds * 1000) / 1000,
      rate: Math.round(tally.acknowledged / Math.max(seconds, 0.001)),
      longest_gap_ms: Math.round(tally.longestGapMs),
      retries: db.counters.retries,
    });
  });
  if (io.signal.aborted) throw interruption(tally);
  const [first] = tally.failed;
  if (first !== undefined) return failureOf(first.error).exitCode;
  if (tally.stopped !== null) throw tally.stopped;
  return 0;
}

/** What was on its way when the user gave up may have taken effect; the outcome says so. */
function interruption({ failed }: ImportTally): DougError {
  const isUnknown = failed.some(({ error }) => failureOf(error).outcome === 'UNKNOWN');
  return new DougError('ABORTED', 'interrupted', {
    outcome: isUnknown ? 'UNKNOWN' : 'NOT_APPLIED',
  });
}

async function tellFailures({ io, globals }: Context, { failed }: ImportTally): Promise<void> {
  // All that was on its way when the user gave up: that is no news.
  if (io.signal.aborted || failed.length === 0) return;
  for (const { line, error } of failed.slice(0, toldFailures)) {
    const failure = failureOf(error);
    const told = { ...failure, message: `line ${line}: ${failure.message}`, hint: undefined };
    await tellFailure(io, told, globals.format);
  }
  if (globals.format === 'json') return;
  const rest = failed.length - toldFailures;
  if (rest > 0) await io.stderr.write(`doug: ${count(rest)} more lines failed\n`);
  await tellHint(io, 'import the file again when the cause is gone: it puts the same values');
}

async function tellSummary({ io, globals }: Context, summary: Summary): Promise<void> {
  if (globals.format === 'json') {
    await io.stdout.write(`${JSON.stringify(summary)}\n`);
  } else if (globals.format === 'table') {
    const { imported, seconds, rate, longest_gap_ms, retries } = summary;
    await io.stdout.write(
      `imported ${count(imported)} ${imported === 1 ? 'key' : 'keys'} in ${seconds.toFixed(2)} s (${count(rate)}/s), ` +
        `longest gap ${count(longest_gap_ms)} ms, ${count(retries)} retries\n`,
    );
  }
}
