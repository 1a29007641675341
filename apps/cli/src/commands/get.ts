import { NotFoundError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { bytesField, bytesOf, printable } from '../encoding/json-bytes.js';
import { parseConsistency } from './consistency.js';

export interface GetFlags {
  readonly consistency?: string;
}

/** `doug get KEY`. @throws NotFoundError */
export async function get(context: Context, key: string, flags: GetFlags): Promise<void> {
  const { io, globals } = context;
  const consistency = parseConsistency(flags.consistency);
  const { signal } = io;
  const hit = await context.withDb((db) => db.get(bytesOf(key), { signal, consistency }));
  if (hit === null) throw new NotFoundError(`there is no key '${printable(bytesOf(key))}'`);
  if (globals.format === 'json') {
    const { revision, ageMs } = hit;
    const fields = { ...bytesField('key', hit.key), ...bytesField('value', hit.value), revision };
    const told = ageMs === undefined ? fields : { ...fields, age_ms: ageMs };
    await io.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    await io.stdout.write(hit.value);
    if (globals.format === 'table') await io.stdout.write('\n');
  }
}
