import { decodeOperation } from './format.js';
import { HistoryFormatError } from './history-format-error.js';
import type { History, Operation, OperationRecord, ProcessId } from './operation.js';
import { orderedTimes } from './ordered-times.js';

/**
 * Reads a history; see format.ts for what it looks like.
 * @throws HistoryFormatError for the first thing that is wrong
 */
export function parseHistory(text: string): History {
  const records: OperationRecord[] = [];
  const lines: number[] = [];
  for (let start = 0, line = 1; start < text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const content = text.slice(start, end).trim();
    start = end + 1;
    if (content === '' || content.startsWith('#')) continue;
    records.push(decodeOperation(content, line));
    lines.push(line);
  }
  const history = withOrderedTimes(records, lines);
  refuseOverlaps(history.operations);
  return history;
}

function withOrderedTimes(records: readonly OperationRecord[], lines: readonly number[]): History {
  // Of an unknown only the call has a time that matters: it may take effect long after it was given up.
  const exact = records.flatMap((record) =>
    record.return === null || record.status === 'unknown'
      ? [record.invoke]
      : [record.invoke, record.return],
  );
  const { times, unit } = orderedTimes(exact);
  let next = 0;
  const operations = records.map(({ process, call, status, answer }, i): Operation => {
    const invoke = times[next++] as number;
    const returned = status === 'unknown' ? Number.POSITIVE_INFINITY : (times[next++] as number);
    return { line: lines[i] as number, process, call, status, answer, invoke, return: returned };
  });
  return { operations, timeUnit: unit };
}

/**
 * A process runs one operation at a time, and none after an unknown. Two that only touch are in order:
 * the clock may be coarse. The same line twice is found here too.
 */
function refuseOverlaps(operations: readonly Operation[]): void {
  const byProcess = new Map<ProcessId, number[]>();
  for (let i = 0; i < operations.length; i++) {
    const { process } = operations[i] as Operation;
    const own = byProcess.get(process);
    if (own === undefined) byProcess.set(process, [i]);
    else own.push(i);
  }
  let first: HistoryFormatError | null = null;
  const at = (i: number | undefined): Operation => operations[i as number] as Operation;
  for (const own of byProcess.values()) {
    // Infinity - Infinity is NaN, and NaN is as good as 0 here.
    own.sort((a, b) => at(a).invoke - at(b).invoke || at(a).return - at(b).return || a - b);
    for (let k = 1; k < own.length; k++) {
      const before = at(own[k - 1]);
      const after = at(own[k]);
      if (before.return <= after.invoke) continue;
      const line = Math.max(before.line, after.line);
      if (first === null || line < first.line) first = overlap(before, after, line);
    }
  }
  if (first !== null) throw first;
}

function overlap(before: Operation, after: Operation, line: number): HistoryFormatError {
  const other = line === before.line ? after : before;
  const who = `process ${JSON.stringify(before.process)}`;
  return new HistoryFormatError(
    line,
    before.status === 'unknown'
      ? `${who} went on after an unknown outcome (lines ${before.line} and ${after.line}); it needs a new name then`
      : `${who} overlaps with its own operation of line ${other.line}`,
  );
}
