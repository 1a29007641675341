/** What is wrong with the ways from one address to another, each on its own. */
export class Links {
  /** How often each way is cut: faults overlap. */
  readonly #cuts = new Map<string, number>();
  readonly #slow = new Map<string, number>();

  /** Loses everything that is sent this way until what is answered is called. */
  cut(from: string, to: string): () => void {
    return change(this.#cuts, `${from}>${to}`, 1);
  }

  /** Makes everything that is sent this way so much later. */
  slow(from: string, to: string, byMs: number): () => void {
    return change(this.#slow, `${from}>${to}`, byMs);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  slowMs(from: string, to: string): number {
    return this.#slow.size === 0 ? 0 : (this.#slow.get(`${from}>${to}`) ?? 0);
  }

  heal(): void {
    this.#cuts.clear();
    this.#slow.clear();
  }
}

function change(map: Map<string, number>, way: string, by: number): () => void {
  map.set(way, (map.get(way) ?? 0) + by);
  let isUndone = false;
  return () => {
    const now = map.get(way);
    if (isUndone || now === undefined) return;
    isUndone = true;
    if (now - by <= 0) map.delete(way);
    else map.set(way, now - by);
  };
}
