import { z } from 'zod';
import { portOf } from '../address.js';

// Checks of single settings, for the schemas of processes. Text is what flags and variables hold; the
// config file may hold JSON's own types.

/** HOST:PORT; port 0 asks the system for a free one. */
export const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'must be HOST:PORT')
  .refine((text) => portOf(text) <= 65_535, 'has no such port');

/** HOST:PORT of somebody else. */
export const peerAddress = listenAddress.refine(
  (text) => !text.endsWith(':0'),
  'must name a port that others can reach',
);

/** Lists are written with commas in flags and in the environment, as arrays in the file. */
export const list = (item: z.ZodType<string>) =>
  z.preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== '')
        : value,
    z.array(item),
  );

export const wholeNumber = z.preprocess(
  (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
  z.number().int(),
);

export const yesOrNo = z.preprocess(
  (value) =>
    value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
  z.boolean(),
);

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
};

/** Seconds, or a number with a unit: `500ms`, `30s`, `10m`, `2h`, `7d`. The value is seconds. */
export const seconds = z.preprocess(
  (value) => {
    const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value) : null;
    return match === null ? value : Number(match[1]) * (UNIT_SECONDS[match[2] ?? 's'] ?? 1);
  },
  z
    .number('must be seconds, or a number with ms, s, m, h or d behind it')
    .min(0, 'must be 0 or more'),
);

/** Least level of the log lines on stderr. */
export const logLevel = z.enum(['debug', 'info', 'warn', 'error', 'silent']);
