import type { Context, WriteAnswer } from '../context.js';
import { bytesField, printable } from '../encoding/json-bytes.js';
import { cut } from '../output/display-width.js';

/** A write and what it answered. */
export interface Written {
  readonly verb: 'put' | 'del';
  readonly key: Uint8Array;
  readonly answer: WriteAnswer;
}

/** Prints what a write answers: in raw output only what was asked for beside the write itself. */
export async function printWrite({ io, globals }: Context, written: Written): Promise<void> {
  const { stdout } = io;
  const { previous, existed } = written.answer;
  if (globals.format === 'json') {
    await stdout.write(`${JSON.stringify(jsonOf(written))}\n`);
  } else if (globals.format === 'raw') {
    if (previous) await stdout.write(previous.value);
    else if (existed !== undefined) await stdout.write(`${existed}\n`);
  } else {
    const line = lineOf(written);
    await stdout.write(`${stdout.isTty ? cut(line, stdout.columns) : line}\n`);
  }
}

function jsonOf({ key, answer }: Written): object {
  const { revision, previous, existed, resultKept } = answer;
  return {
    ...bytesField('key', key),
    revision,
    ...(previous === undefined ? {} : { previous: previous && fieldsOf(previous) }),
    ...(existed === undefined ? {} : { existed }),
    ...(resultKept === undefined ? {} : { result_kept: resultKept }),
  };
}

function fieldsOf({ value, revision }: NonNullable<WriteAnswer['previous']>): object {
  return { ...bytesField('value', value), revision };
}

function lineOf({ verb, answer }: Written): string {
  const { revision, previous, existed, resultKept } = answer;
  if (resultKept === false) {
    return `${verb}: revision ${revision}; it took effect before, what was there is no longer known`;
  }
  const isNothing = previous === null || existed === false;
  // A delete that looked and found nothing has made no revision.
  if (verb === 'del' && isNothing) return 'del: there was no such key';
  if (previous) {
    const { value, revision: earlier } = previous;
    return `${verb}: revision ${revision}, before it revision ${earlier}: ${printable(value)}`;
  }
  if (isNothing) return `${verb}: revision ${revision}, before it nothing`;
  return `${verb}: revision ${revision}${existed === true ? ', the key was there' : ''}`;
}
