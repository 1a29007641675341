import type { Io, Output } from '../io.js';

/** Marks text for a terminal, or leaves it as it is. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly dim: (text: string) => string;
}

const asIs = (text: string): string => text;
const none: Paint = { bold: asIs, red: asIs, dim: asIs };

const marked =
  (on: number, off: number) =>
  (text: string): string =>
    `\x1b[${on}m${text}\x1b[${off}m`;

const colours: Paint = { bold: marked(1, 22), red: marked(31, 39), dim: marked(2, 22) };

/** Colours only on a terminal that shows them, and not where NO_COLOR is set (no-color.org). */
export function paintFor(output: Output, env: Io['env']): Paint {
  const unwanted = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return output.isTty && !unwanted ? colours : none;
}
