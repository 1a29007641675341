import type { Context } from '../context.js';

/** What a write answers: in raw output nothing. */
export async function printWrite(
  { io, globals }: Context,
  verb: string,
  key: string,
  revision: number,
): Promise<void> {
  if (globals.format === 'json') await io.stdout.write(`${JSON.stringify({ key, revision })}\n`);
  else if (globals.format === 'table') await io.stdout.write(`${verb}: revision ${revision}\n`);
}
