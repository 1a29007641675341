/** How many steps of each optional class were used, one UTF-16 unit each: a string is the smallest array. */
type UsedCounts = string;

/**
 * The configurations that were entered. Of two that have placed the same required steps and hold the same
 * value, the one that used no more of any optional class can do everything that the other can; so only
 * the thriftiest ones are kept, and a configuration that used as much or more is not entered again.
 */
export class Visited {
  readonly #thriftiest = new Map<string, UsedCounts[] | UsedCounts>();

  /**
   * Enters a configuration.
   * @param key - placed required steps and value
   * @param counts - by optional class
   * @returns false if it, or one that can do all that it can, was entered before
   */
  enter(key: string, counts: Uint16Array): boolean {
    const used = stringOf(counts);
    const known = this.#thriftiest.get(key);
    if (known === undefined) {
      this.#thriftiest.set(key, used);
      return true;
    }
    const all = typeof known === 'string' ? [known] : known;
    if (all.some((other) => atMost(other, used))) return false;
    const kept = all.filter((other) => !atMost(used, other));
    kept.push(used);
    this.#thriftiest.set(key, kept);
    return true;
  }
}

function stringOf(counts: Uint16Array): string {
  let text = '';
  // A call takes only so many arguments.
  for (let i = 0; i < counts.length; i += 4096) {
    text += String.fromCharCode(...counts.subarray(i, i + 4096));
  }
  return text;
}

function atMost(a: UsedCounts, b: UsedCounts): boolean {
  for (let i = 0; i < a.length; i++) if (a.charCodeAt(i) > b.charCodeAt(i)) return false;
  return true;
}
