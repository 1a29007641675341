import { UsageError } from '../cli-errors.js';
import type { Context, DeletedRange } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import { printWrite } from './print-write.js';

export interface DelFlags {
  readonly ifRevision?: string;
  readonly returnPrevious?: boolean;
  readonly existed?: boolean;
  readonly prefix?: string;
  readonly range?: boolean;
}

/** `doug del KEY`, `doug del --prefix P` or `doug del --range START [END]`. */
export async function del(
  context: Context,
  names: readonly string[],
  flags: DelFlags,
): Promise<void> {
  const { prefix, range = false } = flags;
  const isRange = prefix !== undefined || range;
  const [first, second] = names;
  const isMany = flags.ifRevision ?? flags.returnPrevious ?? flags.existed;
  if (isRange && isMany !== undefined) {
    throw new UsageError('--if-revision, --return-previous and --existed are for one key');
  }
  if (prefix !== undefined && (range || first !== undefined)) {
    throw new UsageError('del takes --prefix, --range START [END] or a key, one of them');
  }
  if (prefix !== undefined) return delRange(context, { prefix: bytesOf(prefix) });
  if (first === undefined) throw new UsageError('which key? Or --prefix, or --range START [END]');
  if (range) {
    const end = second === undefined ? undefined : bytesOf(second);
    return delRange(context, { start: bytesOf(first), end });
  }
  if (second !== undefined) {
    throw new UsageError('del takes one key', 'two are START and END of a range: say --range');
  }
  await delKey(context, first, flags);
}

async function delRange(context: Context, range: DeletedRange): Promise<void> {
  const { stdout, signal } = context.io;
  // Nothing that is said so briefly means everything.
  if (range.prefix?.length === 0 || (range.start?.length === 0 && range.end === undefined)) {
    throw new UsageError('that is every key there is: doug del has no word for it');
  }
  const { deleted, resultKept } = await context.withDb((db) =>
    db.deleteRange({ ...range, signal }),
  );
  const { format } = context.globals;
  const kept = resultKept === undefined ? {} : { result_kept: resultKept };
  if (format === 'json') await stdout.write(`${JSON.stringify({ deleted, ...kept })}\n`);
  else if (format === 'raw') await stdout.write(`${deleted}\n`);
  else {
    const counted = `${deleted} ${deleted === 1 ? 'key' : 'keys'}`;
    const more =
      resultKept === false ? ' at least: how many a part of it was is no longer known' : '';
    await stdout.write(`del: ${counted}${more}\n`);
  }
}

async function delKey(context: Context, name: string, flags: DelFlags): Promise<void> {
  const options = {
    ifRevision:
      flags.ifRevision === undefined ? undefined : parseCount('--if-revision', flags.ifRevision, 1),
    returnPrevious: flags.returnPrevious,
    returnExisted: flags.existed,
    signal: context.io.signal,
  };
  const key = bytesOf(name);
  const answer = await context.withDb((db) => db.delete(key, options));
  await printWrite(context, { verb: 'del', key, answer });
}
