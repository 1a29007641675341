import { limits } from '@dougdb/rpc-proto';
import { UsageError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import { parseCount } from '../globals.js';
import type { Io } from '../io.js';
import { printWrite } from './print-write.js';

export interface PutFlags {
  readonly ifRevision?: string;
  readonly ifAbsent?: boolean;
  readonly returnPrevious?: boolean;
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
    signal: io.signal,
  };
  const key = bytesOf(name);
  const bytes = value === '-' ? await readAll(io) : bytesOf(value);
  const answer = await context.withDb((db) => db.put(key, bytes, options));
  await printWrite(context, { verb: 'put', key, answer });
}

async function readAll(io: Io): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const { chunks } = await io.open('-');
  for await (const chunk of chunks) {
    parts.push(chunk);
    sizeBytes += chunk.length;
    // No cluster takes that, and there may be no end to it.
    if (sizeBytes > limits.requestBytes) {
      throw new UsageError(`a value of more than ${limits.requestBytes} bytes is too large`);
    }
  }
  return Buffer.concat(parts);
}
