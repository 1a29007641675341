/** The id of an absent value, in every table. */
export const ABSENT = 0;

/**
 * The id of all values that need not be told apart: no condition names one of them, and none is the
 * beginning of one that a condition names, so that appending to it only makes others of the kind.
 */
export const OTHER = 1;

/** The values of one key as small integers: equal values, equal ids. */
export class ValueTable {
  readonly #ids = new Map<string, number>();
  readonly #values: (string | null)[] = [null, '(a value that nobody asks for)'];
  /** By id: what {@link reduced} answers. */
  readonly #reduced: number[] = [ABSENT, OTHER];
  #named: ReadonlySet<number> = new Set();
  /** Named values in order, where beginnings of them count as well; and their ids. */
  #sorted: readonly string[] = [];
  #sortedIds: readonly number[] = [];

  idOf(value: string | null): number {
    if (value === null) return ABSENT;
    const known = this.#ids.get(value);
    if (known !== undefined) return known;
    const id = this.#values.push(value) - 1;
    this.#ids.set(value, id);
    return id;
  }

  valueOf(id: number): string | null {
    return this.#values[id] ?? null;
  }

  /**
   * Says, once and before `reduced` is used, which values conditions name.
   * @param tellApart - `beginnings`: there are appends, so what a named value begins with matters too
   */
  name(named: ReadonlySet<number>, tellApart: 'values' | 'beginnings'): void {
    this.#named = named;
    if (tellApart === 'values') return;
    this.#sorted = [...named]
      .filter((id) => id !== ABSENT)
      .map((id) => this.valueOf(id) ?? '')
      .sort(byUnits);
    this.#sortedIds = this.#sorted.map((value) => this.idOf(value));
  }

  /** The id itself, or OTHER. */
  reduced(id: number): number {
    const known = this.#reduced[id];
    if (known !== undefined) return known;
    const isSeen = this.#named.has(id) || this.#isBeginning(this.valueOf(id) ?? '');
    this.#reduced[id] = isSeen ? id : OTHER;
    return isSeen ? id : OTHER;
  }

  /** The reduced id of a value with something appended. */
  appended(id: number, suffix: string): number {
    if (id === OTHER) return OTHER;
    const value = (this.valueOf(id) ?? '') + suffix;
    return this.#ids.has(value) || this.#isBeginning(value)
      ? this.reduced(this.idOf(value))
      : OTHER;
  }

  /** Whether appending, also of nothing, can make one value of the other. */
  grows(from: number, to: number): boolean {
    if (from === to) return true;
    if (to === ABSENT || from === OTHER) return false;
    return (this.valueOf(to) ?? '').startsWith(this.valueOf(from) ?? '');
  }

  /** The named values that {@link grows} can make of a value. */
  *grownFrom(id: number): Generator<number> {
    if (id === ABSENT && this.#named.has(ABSENT)) yield ABSENT;
    if (id === OTHER) return;
    const value = this.valueOf(id) ?? '';
    for (let i = this.#firstFrom(value); this.#sorted[i]?.startsWith(value); i++) {
      yield this.#sortedIds[i] as number;
    }
  }

  #isBeginning(value: string): boolean {
    return this.#sorted[this.#firstFrom(value)]?.startsWith(value) ?? false;
  }

  #firstFrom(value: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as string) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
