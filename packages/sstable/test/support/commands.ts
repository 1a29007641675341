import { SimRandom } from '@dougdb/ports/sim';
import { bytes } from './entries.js';

export interface Write {
  readonly key: string;
  /** null: deletes. */
  readonly value: string | null;
}

const KEYS = 60;

/** The command with this number: the same in every process that knows the seed. */
export function commandOf(seed: string, index: number): readonly Write[] {
  const random = new SimRandom(`${seed}/${index}`);
  const keys = new Set(Array.from({ length: 1 + random.int(3) }, () => random.int(KEYS)));
  return [...keys].map((key) => ({
    key: `key${key}`,
    value: random.chance(0.2) ? null : `${index}/${key}`.padEnd(random.int(90), '.'),
  }));
}

export function encodeCommand(command: readonly Write[]): Uint8Array {
  return bytes(JSON.stringify(command));
}

/** What a database must show after the commands up to this one. */
export function stateAfter(seed: string, index: number): Map<string, string> {
  const state = new Map<string, string>();
  for (let at = 1; at <= index; at++) {
    for (const { key, value } of commandOf(seed, at)) {
      if (value === null) state.delete(key);
      else state.set(key, `${value}#${at}`);
    }
  }
  return state;
}

/** The same as sorted lines. */
export function linesAfter(seed: string, index: number): string[] {
  return [...stateAfter(seed, index)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
}
