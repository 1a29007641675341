import type { Context, TxnAnswer } from '../context.js';
import { bytesField, printable } from '../encoding/json-bytes.js';
import { cut } from '../output/display-width.js';

interface Found {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
  readonly revision: number;
  readonly expiresAt?: number;
}

/** What a step answers, by its kind; see StepResult of the client. */
interface StepAnswer {
  readonly previous?: { readonly value: Uint8Array; readonly revision: number } | null;
  readonly existed?: boolean;
  readonly entries?: readonly Found[];
  readonly more?: boolean;
  readonly deleted?: number;
}

/** Prints what a transaction answers: in raw output only whether its compares held. */
export async function printTxn({ io, globals }: Context, answer: TxnAnswer): Promise<void> {
  const { stdout } = io;
  if (globals.format === 'json') {
    await stdout.write(`${JSON.stringify(jsonOf(answer))}\n`);
    return;
  }
  if (globals.format === 'raw') {
    await stdout.write(`${answer.succeeded}\n`);
    return;
  }
  const lines = linesOf(answer);
  const text = lines.map((line) => (stdout.isTty ? cut(line, stdout.columns) : line)).join('\n');
  await stdout.write(`${text}\n`);
}

function jsonOf({ succeeded, revision, results, resultKept }: TxnAnswer): object {
  return {
    succeeded,
    revision,
    ...(results === undefined ? {} : { results: results.map(stepJson) }),
    ...(resultKept === undefined ? {} : { result_kept: resultKept }),
  };
}

function stepJson(result: unknown): unknown {
  if (result === null) return null;
  const { previous, existed, entries, more, deleted } = result as StepAnswer;
  if (isFound(result)) return foundJson(result);
  return {
    ...(existed === undefined ? {} : { existed }),
    ...(previous === undefined ? {} : { previous: previous && valueJson(previous) }),
    ...(entries === undefined ? {} : { entries: entries.map(foundJson), more }),
    ...(deleted === undefined ? {} : { deleted }),
  };
}

function foundJson({ key, value, revision, expiresAt }: Found): object {
  return {
    ...bytesField('key', key),
    ...(value === undefined ? {} : bytesField('value', value)),
    revision,
    ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
  };
}

function valueJson({ value, revision }: { value: Uint8Array; revision: number }): object {
  return { ...bytesField('value', value), revision };
}

function linesOf({ succeeded, revision, results, resultKept }: TxnAnswer): string[] {
  const held = succeeded ? 'the compares held' : 'the compares did not hold';
  const head = `txn: ${held}, revision ${revision}`;
  if (resultKept === false) {
    return [`${head}; it took effect before, what it answered is no longer known`];
  }
  return [head, ...(results ?? []).flatMap((result, at) => stepLines(at, result))];
}

function stepLines(at: number, result: unknown): string[] {
  if (result === null) return [`${at}: there is no such key`];
  if (isFound(result)) return [`${at}: ${foundLine(result)}`];
  const { previous, existed, entries, more, deleted } = result as StepAnswer;
  if (deleted !== undefined) return [`${at}: ${deleted} deleted`];
  if (entries !== undefined) {
    const head = `${at}: ${entries.length} ${entries.length === 1 ? 'key' : 'keys'}${more === true ? ', there are more' : ''}`;
    return [head, ...entries.map((entry) => `   ${foundLine(entry)}`)];
  }
  const done = existed === undefined ? 'put' : existed ? 'deleted' : 'there was no such key';
  if (previous === undefined) return [`${at}: ${done}`];
  const before =
    previous === null ? 'nothing' : `revision ${previous.revision}: ${printable(previous.value)}`;
  return [`${at}: ${done}, before it ${before}`];
}

function foundLine({ key, value, revision }: Found): string {
  const told = value === undefined ? '' : `: ${printable(value)}`;
  return `${printable(key)} (revision ${revision})${told}`;
}

function isFound(result: unknown): result is Found {
  return typeof result === 'object' && result !== null && 'key' in result;
}
