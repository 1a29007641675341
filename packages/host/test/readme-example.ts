import { fields, resolveSettings } from '@dougdb/host';
import { z } from 'zod';

/** The address that a program of mine listens on. */
export function listenAddress(env: Readonly<Record<string, string | undefined>>): string {
  const schema = z.strictObject({
    listen: fields.listenAddress.default('127.0.0.1:0').describe('where it listens'),
  });
  return resolveSettings(schema, { flags: {}, env, prefixes: ['MINE_'] }).listen;
}
