import type { Context } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import type { Io } from '../io.js';
import { printWrite } from './print-write.js';

/** `doug put KEY VALUE`; the value '-' is standard input, all of it. */
export async function put(context: Context, key: string, value: string): Promise<void> {
  const { io } = context;
  const bytes = value === '-' ? await readAll(io) : bytesOf(value);
  const { signal } = io;
  const { revision } = await context.withDb((db) => db.put(bytesOf(key), bytes, { signal }));
  await printWrite(context, 'put', key, revision);
}

async function readAll(io: Io): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const { chunks } = await io.open('-');
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
