import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { HardStateStore } from '@dougdb/replica';

/** The hard states of one node: what is durable outlives the stores on it. */
export class HardStateDisk {
  readonly values = new Map<number, Uint8Array>();
  readonly #scheduler: SimScheduler;
  readonly #random: SimRandom;
  #open = new Map<number, Uint8Array>();
  #life = 0;
  /** Milliseconds that a put takes; null: it never ends. */
  delayMs: number | null = 0.4;
  /** The next put is rejected. */
  failNext = false;
  puts = 0;

  constructor(scheduler: SimScheduler, random: SimRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** The store of the process that runs now. */
  store(): HardStateStore {
    const life = this.#life;
    return {
      get: (id) => this.values.get(id)?.slice() ?? null,
      put: (id, value) => this.#put(life, id, value.slice()),
      replicaIds: () => [...this.values.keys()],
      close: () => Promise.resolve(),
    };
  }

  /** Power loss: what was under way is on the disk or is not. */
  crash(): void {
    this.#life++;
    for (const [id, value] of this.#open) if (this.#random.chance(0.5)) this.values.set(id, value);
    this.#open = new Map();
  }

  #put(life: number, id: number, value: Uint8Array): Promise<void> {
    this.puts++;
    if (this.failNext) return Promise.reject(new Error('no more disk'));
    this.#open.set(id, value);
    const { delayMs } = this;
    if (delayMs === null) return new Promise(() => undefined);
    return new Promise((resolve) => {
      this.#scheduler.schedule(delayMs, () => {
        if (life !== this.#life) return;
        this.values.set(id, value);
        this.#open.delete(id);
        resolve();
      });
    });
  }
}
