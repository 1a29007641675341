import type { Context } from '../context.js';
import { bytesOf } from '../encoding/json-bytes.js';
import { printWrite } from './print-write.js';

/** `doug del KEY`. */
export async function del(context: Context, key: string): Promise<void> {
  const { signal } = context.io;
  const { revision } = await context.withDb((db) => db.delete(bytesOf(key), { signal }));
  await printWrite(context, 'del', key, revision);
}
