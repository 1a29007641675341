import type { Context } from '../context.js';
import { readAll } from '../input.js';
import { parseTxn } from '../txn/parse-txn.js';
import { printTxn } from '../txn/print-txn.js';

/**
 * `doug txn`: one JSON object {if, then, else} on standard input. Compares that do not hold are no failure: the answer
 * says which list was carried out.
 */
export async function txn(context: Context): Promise<void> {
  const { io } = context;
  const parsed = parseTxn(await readAll(io, 'a transaction'));
  const answer = await context.withDb((db) => db.txn(parsed, { signal: io.signal }));
  await printTxn(context, answer);
}
