import { SimRandom } from '@dougdb/ports/sim';
import type { Wal, WalOptions } from '../src/index.js';
import type { History } from './history.js';
import type { Step } from './model.js';
import { entry, type Rig } from './rig.js';

/** A short run that brings one part of the WAL to work, many times over. */
export interface Workload {
  readonly name: string;
  readonly options: Partial<WalOptions>;
  readonly run: (session: Session) => Promise<void>;
}

/** What a workload acts on. Every method does nothing once the WAL has ended. */
export class Session {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SimRandom;
  #wal: Wal | null = null;

  constructor(rig: Rig, history: History, seed: number | string) {
    this.#rig = rig;
    this.#history = history;
    this.#random = new SimRandom(`session/${seed}`);
  }

  async open(): Promise<void> {
    const { wal } = await this.#rig.open();
    this.#history.resume(wal);
    this.#wal = wal;
  }

  async close(): Promise<void> {
    if (this.#wal === null) return;
    await this.#rig.close(this.#wal);
    this.#wal = null;
    if (!this.#history.failed) this.#history.acked = this.#history.moment().newest;
  }

  /** The process dies; what it wrote is in the page cache. */
  kill(): void {
    this.#rig.kill();
    this.#history.killed();
    this.#wal = null;
  }

  /** Appends to the end of a log, or replaces its last `replaced` entries. */
  append(id: number, count: number, bytes: number, replaced = 0): Promise<void> {
    const { model } = this.#history;
    const from = Math.max(model.first(id), model.last(id) + 1 - replaced);
    const term = Math.max(1, model.term(id, from - 1)) + (replaced > 0 ? 1 : 0);
    const entries = Array.from({ length: count }, (_, i) =>
      entry(from + i, term, this.#random.bytes(bytes)),
    );
    return this.#play({ op: 'append', id, entries, hint: from - 1 });
  }

  truncate(id: number, count: number): Promise<void> {
    const { model } = this.#history;
    const index = Math.max(model.first(id), model.last(id) + 1 - count);
    return this.#play({ op: 'truncate', id, index });
  }

  /** Compacts up to so many entries before the end. */
  compact(id: number, kept: number): Promise<void> {
    const { model } = this.#history;
    const index = model.last(id) - kept;
    if (index < model.first(id)) return Promise.resolve();
    return this.#play({ op: 'compact', id, index, term: model.term(id, index) });
  }

  remove(id: number): Promise<void> {
    return this.#play({ op: 'remove', id });
  }

  async durable(): Promise<void> {
    if (this.#wal !== null) await this.#rig.run(this.#history.sync(this.#wal));
  }

  /** Asks for durability and does not wait for it. */
  sync(): void {
    if (this.#wal !== null) void this.#history.sync(this.#wal);
  }

  async idle(ms: number): Promise<void> {
    await this.#rig.scheduler.advance(ms);
  }

  async #play(step: Step): Promise<void> {
    if (this.#wal !== null && !(await this.#history.play(this.#rig, this.#wal, step))) {
      this.#wal = null;
    }
  }
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'append',
    options: {},
    run: async (s) => {
      await s.open();
      await s.append(1, 3, 20);
      await s.durable();
      for (let round = 0; round < 4; round++) {
        await s.append(1 + (round % 2), 1, 40);
        s.sync();
        await s.append(3, 2, 0);
        await s.durable();
      }
      await s.idle(150);
      await s.append(2, 1, 700);
      await s.close();
    },
  },
  {
    name: 'rotate',
    options: {},
    run: async (s) => {
      await s.open();
      for (let round = 0; round < 6; round++) {
        await s.append(1, 2, 900);
        s.sync();
        await s.append(2, 1, 5);
        await s.durable();
      }
      // Larger than a segment.
      await s.append(2, 1, 6000);
      await s.durable();
    },
  },
  {
    name: 'truncate',
    options: {},
    run: async (s) => {
      await s.open();
      for (let round = 0; round < 5; round++) {
        await s.append(1, 4, 300);
        if (round % 2 === 0) s.sync();
        await s.truncate(1, 2);
        await s.append(2, 3, 200, 2);
        await s.durable();
      }
    },
  },
  {
    name: 'compact',
    options: {},
    run: async (s) => {
      await s.open();
      await s.append(3, 2, 10);
      for (let round = 0; round < 8; round++) {
        await s.append(1, 2, 800);
        s.sync();
        await s.compact(1, 1);
        if (round === 3) await s.remove(3);
        await s.durable();
      }
      await s.idle(120);
    },
  },
  {
    name: 'collect and rewrite',
    // Everything above two segments is "large": a quarter of a segment is taken along.
    options: { collectAboveBytes: 2 * 4096, cacheBytes: 0 },
    run: async (s) => {
      await s.open();
      for (const id of [5, 6, 7]) await s.append(id, 2, 60);
      // Nothing but a prefix and a hint is left of it.
      await s.append(4, 2, 10);
      await s.append(4, 1, 10);
      await s.compact(4, 0);
      await s.append(8, 1, 300);
      for (let round = 0; round < 16; round++) {
        await s.append(1, 1, 900);
        await s.compact(1, 0);
        // Behind what will be written again, in a newer segment.
        if (round === 5) await s.append(7, 1, 60);
        if (round === 11) await s.truncate(6, 1);
        if (round === 12) await s.append(5, 1, 30, 2);
        await s.durable();
      }
    },
  },
  {
    name: 'recovery',
    options: {},
    run: async (s) => {
      for (let life = 0; life < 4; life++) {
        await s.open();
        await s.append(1, 2, 100);
        await s.append(2, 1, 1500);
        await s.durable();
        await s.append(1, 1, 200);
        s.sync();
        await s.append(3, 1, 20, 1);
        if (life === 2) await s.idle(120);
        s.kill();
      }
      await s.open();
      await s.append(3, 1, 20);
      await s.close();
    },
  },
];
