/** Revisions of which the value is remembered. */
const remembered = 10_000;

/** Which value a key had at which revision, as far as a client has seen; the newest sightings of all keys. */
export class SeenValues {
  readonly #values = new Map<string, string>();

  note(key: string, revision: number, value: string): void {
    this.#values.set(nameOf(key, revision), value);
    if (this.#values.size <= remembered) return;
    const [oldest] = this.#values.keys();
    if (oldest !== undefined) this.#values.delete(oldest);
  }

  /** Undefined: not seen, or forgotten. */
  at(key: string, revision: number): string | undefined {
    return this.#values.get(nameOf(key, revision));
  }
}

function nameOf(key: string, revision: number): string {
  return `${revision} ${key}`;
}
