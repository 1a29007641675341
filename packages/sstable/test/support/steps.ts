/**
 * What a program does with a database, as plain data: one list runs on any disk, under any options and with
 * any accidents. What the reading steps show must not depend on these.
 */
export type Step =
  | { readonly do: 'put' | 'put-marked'; readonly key: string; readonly sizeBytes: number }
  | { readonly do: 'delete'; readonly key: string }
  /** Writes several keys at one sequence. */
  | { readonly do: 'command'; readonly keys: readonly string[] }
  /** Ends the memtable, if there were writes or not. */
  | { readonly do: 'freeze' }
  /** Lets time pass, and with it whatever is under way. */
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'flushed' | 'compact' | 'verify' }
  /** Closes the database, whatever runs, and opens it again. */
  | { readonly do: 'reopen' }
  /** Cuts the power. */
  | { readonly do: 'crash' }
  /** Ends the process, not the machine. */
  | { readonly do: 'kill' }
  /** Gives up the history before the last so many writes. */
  | { readonly do: 'floor'; readonly ago: number }
  | { readonly do: 'get' | 'look'; readonly key: string; readonly ago: number }
  | {
      readonly do: 'iterate';
      readonly start?: string;
      readonly end?: string;
      readonly reverse: boolean;
      readonly ago: number;
      readonly seek?: string;
    };

/** So many writes to keys `key0` to `key<keys - 1>`, in an order that meets all of them; every `deletes`-th deletes. */
export function writes(
  count: number,
  { keys = 9, deletes = 5, from = 0, sizeBytes = 12 } = {},
): Step[] {
  return Array.from({ length: count }, (_, i) => {
    const at = from + i;
    const key = `key${(at * 5) % keys}`;
    return at % deletes === deletes - 1 ? { do: 'delete', key } : { do: 'put', key, sizeBytes };
  });
}

export function repeat(times: number, steps: (round: number) => readonly Step[]): Step[] {
  return Array.from({ length: times }, (_, round) => steps(round)).flat();
}
