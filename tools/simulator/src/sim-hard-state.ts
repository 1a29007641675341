import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { HardStateStore } from '@dougdb/replica';

/** What the hard state database of a node holds on its disk: survives crashes of the process. */
export class HardStateDisk {
  readonly values = new Map<number, Uint8Array>();
}

/**
 * The model of the lmdb store: a put is atomic, visible at once to nobody, durable when its promise
 * resolves. A crash between keeps it or not, as the seed says.
 */
export class SimHardStateStore implements HardStateStore {
  readonly #disk: HardStateDisk;
  readonly #scheduler: SimScheduler;
  readonly #random: SimRandom;
  readonly #alive: () => boolean;
  readonly #open = new Map<number, Uint8Array>();

  constructor(
    disk: HardStateDisk,
    scheduler: SimScheduler,
    random: SimRandom,
    alive: () => boolean,
  ) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#alive = alive;
  }

  get(replicaId: number): Uint8Array | null {
    return this.#disk.values.get(replicaId)?.slice() ?? null;
  }

  put(replicaId: number, value: Uint8Array): Promise<void> {
    const copy = value.slice();
    this.#open.set(replicaId, copy);
    return new Promise((resolve) => {
      this.#scheduler.schedule(0.2 + this.#random.next(), () => {
        if (!this.#alive()) return;
        this.#disk.values.set(replicaId, copy);
        if (this.#open.get(replicaId) === copy) this.#open.delete(replicaId);
        resolve();
      });
    });
  }

  replicaIds(): number[] {
    return [...this.#disk.values.keys()].sort((a, b) => a - b);
  }

  /** The process died: each open put reached the disk or did not. */
  crash(): void {
    for (const [replicaId, value] of this.#open) {
      if (this.#random.chance(0.5)) this.#disk.values.set(replicaId, value);
    }
    this.#open.clear();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
