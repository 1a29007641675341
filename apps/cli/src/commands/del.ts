import type { Context } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import { printWrite } from './print-write.js';

export interface DelFlags {
  readonly ifRevision?: string;
  readonly returnPrevious?: boolean;
  readonly existed?: boolean;
}

/** `doug del KEY`. */
export async function del(context: Context, name: string, flags: DelFlags): Promise<void> {
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
