import type { Context } from '../context.js';
import { bytesField, bytesOf } from '../encoding/json-bytes.js';
import { LineBuffer } from '../output/line-buffer.js';

export interface ExportFlags {
  readonly prefix?: string;
}

/** `doug export`: one JSON object a line in key order, what `doug import` reads. */
export async function exportAll(context: Context, flags: ExportFlags): Promise<void> {
  const { stdout, signal } = context.io;
  const prefix = bytesOf(flags.prefix ?? '');
  await context.withDb(async (db) => {
    const buffer = new LineBuffer(stdout);
    try {
      for await (const { key, value } of db.scan({ prefix, signal })) {
        const line = JSON.stringify({ ...bytesField('key', key), ...bytesField('value', value) });
        const full = buffer.write(`${line}\n`);
        if (full !== undefined) await full;
        if (stdout.isGone) return;
      }
    } finally {
      // What was read before a failure is told.
      await buffer.flush();
    }
  });
}
