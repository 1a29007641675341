import { NotFoundError } from '../cli-errors.js';
import type { Context } from '../context.js';
import { bytesField, bytesOf, printable } from '../encoding/json-bytes.js';
import { parseReadFlags, type ReadFlags } from './read-flags.js';

export type GetFlags = ReadFlags;

/** `doug get KEY`. @throws NotFoundError */
export async function get(context: Context, key: string, flags: GetFlags): Promise<void> {
  const { io, globals } = context;
  const level = parseReadFlags(flags);
  const { signal } = io;
  const hit = await context.withDb((db) => db.get(bytesOf(key), { signal, ...level }));
  if (hit === null) throw new NotFoundError(`there is no key '${printable(bytesOf(key))}'`);
  if (globals.format === 'json') {
    const { revision, ageMs, expiresAt } = hit;
    const told = {
      ...bytesField('key', hit.key),
      ...bytesField('value', hit.value),
      revision,
      ...(expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }),
      ...(ageMs === undefined ? {} : { age_ms: ageMs }),
    };
    await io.stdout.write(`${JSON.stringify(told)}\n`);
  } else {
    await io.stdout.write(hit.value);
    if (globals.format === 'table') await io.stdout.write('\n');
  }
}
