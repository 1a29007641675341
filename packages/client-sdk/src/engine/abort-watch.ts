/** What a signal ends. */
export interface Abortable {
  /** The signal has fired. It is not watched any more. */
  aborted(): void;
}

/**
 * Listens to the signals of calls with one listener for each signal, however many calls share it: Node.js
 * warns of a leak at eleven.
 */
export class AbortWatch {
  readonly #watched = new Map<AbortSignal, { targets: Set<Abortable>; listener: () => void }>();

  /** The signal has not fired yet. */
  add(signal: AbortSignal, target: Abortable): void {
    let watched = this.#watched.get(signal);
    if (watched === undefined) {
      watched = { targets: new Set(), listener: () => this.#fired(signal) };
      this.#watched.set(signal, watched);
      signal.addEventListener('abort', watched.listener);
    }
    watched.targets.add(target);
  }

  /** Of what is not watched: nothing. */
  remove(signal: AbortSignal, target: Abortable): void {
    const watched = this.#watched.get(signal);
    if (watched === undefined || !watched.targets.delete(target)) return;
    if (watched.targets.size > 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', watched.listener);
  }

  #fired(signal: AbortSignal): void {
    const targets = this.#watched.get(signal)?.targets ?? [];
    this.#watched.delete(signal);
    for (const target of targets) target.aborted();
  }
}
