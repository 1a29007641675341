import { UsageError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import { parseCount, parseTime } from '../globals.js';
import { readAll } from '../input.js';
import { printWrite } from './print-write.js';

export interface PutFlags {
  readonly ifRevision?: string;
  readonly ifAbsent?: boolean;
  readonly returnPrevious?: boolean;
  readonly ttl?: string;
}

/** `doug put KEY VALUE`; the value '-' is standard input, all of it. */
export async function put(
  context: Context,
  name: string,
  value: string,
  flags: PutFlags,
): Promise<void> {
  const { io } = context;
  if (flags.ifAbsent === true && flags.ifRevision !== undefined) {
    throw new UsageError('put takes --if-absent or --if-revision, not both');
  }
  const options = {
    ifRevision:
      flags.ifRevision === undefined ? undefined : parseCount('--if-revision', flags.ifRevision, 1),
    ifAbsent: flags.ifAbsent,
    returnPrevious: flags.returnPrevious,
    ttlMs: flags.ttl === undefined ? undefined : parseTime('--ttl', flags.ttl),
    signal: io.signal,
  };
  const key = bytesOf(name);
  const bytes = value === '-' ? await readAll(io, 'a value') : bytesOf(value);
  const answer = await context.withDb((db) => db.put(key, bytes, options));
  await printWrite(context, { verb: 'put', key, answer });
}
