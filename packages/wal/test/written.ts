import { SimRandom } from '@dougdb/ports/sim';
import type { Wal, WalEntry, WalOptions } from '../src/index.js';
import { applyToModel, applyToWal, drawStep, Model } from './model.js';
import { Rig } from './rig.js';

/** A WAL whose whole past is known. */
export interface Written {
  readonly rig: Rig;
  /** Everything that was ever appended at `log/index`. */
  readonly versions: ReadonlyMap<string, readonly WalEntry[]>;
  /** What it ended with. */
  readonly model: Model;
  readonly final: string;
}

/** Three lives with random steps; the last one is idle when it ends, so that everything is promised. */
export async function write(
  seed: number | string,
  steps = 12,
  options: Partial<WalOptions> = {},
): Promise<Written> {
  const rig = new Rig(options, seed);
  const random = new SimRandom(`fuzz/${seed}`);
  const model = new Model();
  const versions = new Map<string, WalEntry[]>();
  for (let session = 0; session < 3; session++) {
    const { wal } = await rig.open();
    for (let i = 0; i < steps; i++) {
      const step = drawStep(random, model, { logs: 3, maxDataBytes: 900 });
      applyToWal(wal, step);
      applyToModel(model, step);
      if (step.op === 'append') {
        for (const e of step.entries) {
          const name = `${step.id}/${e.index}`;
          versions.set(name, [...(versions.get(name) ?? []), e]);
        }
      }
      if (random.chance(0.5)) await rig.durable(wal);
    }
    await rig.durable(wal);
    if (session < 2) await rig.close(wal);
    else await rig.scheduler.advance(300);
  }
  return { rig, versions, model, final: model.show() };
}

/** Entries, as `log/index`, that a WAL shows and that were never appended so. */
export function wrongEntries(wal: Wal, versions: Written['versions']): string[] {
  const wrong: string[] = [];
  for (const id of wal.logIds()) {
    const log = wal.log(id);
    for (let index = log.firstIndex(); index <= log.lastIndex(); index++) {
      const read = log.entries(index, index + 1, 1e6);
      if (read === 'faulty') continue;
      const found = read === -1 ? undefined : read[0];
      const known = versions.get(`${id}/${index}`) ?? [];
      const same = (e: WalEntry): boolean =>
        found !== undefined && e.term === found.term && Buffer.compare(e.data, found.data) === 0;
      if (!known.some(same)) wrong.push(`${id}/${index}`);
    }
  }
  return wrong;
}

/** What an open that fails is rejected with, for a catch. */
export function refusal(error: { code?: string }): string {
  return error.code ?? String(error);
}
