import { SimRandom } from '@dougdb/ports/sim';
import { verifyWal, type Wal, type WalEntry } from '../src/index.js';
import { applyToModel, applyToWal, drawStep, Model, showWal } from './model.js';
import { DIR, Rig } from './rig.js';
import { seeds } from './scale.js';

/** Everything that was ever appended at (log, index), and the states gone through. */
interface Written {
  readonly rig: Rig;
  readonly versions: ReadonlyMap<string, readonly WalEntry[]>;
  readonly final: string;
}

async function write(seed: number): Promise<Written> {
  const rig = new Rig({}, seed);
  const random = new SimRandom(`fuzz/${seed}`);
  const model = new Model();
  const versions = new Map<string, WalEntry[]>();
  for (let session = 0; session < 3; session++) {
    const { wal } = await rig.open();
    for (let i = 0; i < 12; i++) {
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
  return { rig, versions, final: model.show() };
}

/** Damages one file somehow; says how. */
function mutate(rig: Rig, random: SimRandom): string {
  const path = `${DIR}/${random.pick(rig.fs.list(DIR))}`;
  const bytes = rig.fs.contents(path);
  let used = bytes.length;
  while (used > 64 && bytes[used - 1] === 0) used--;
  const [at, other] = [random.int(used), random.int(used)];
  const length = 1 + random.int(random.chance(0.5) ? 16 : 700);
  const kind = random.int(6);
  let mutated = bytes;
  if (kind === 0) for (let i = 0; i < 4; i++) bytes[random.int(used)] = random.int(256);
  else if (kind === 1) bytes.set(random.bytes(Math.min(length, bytes.length - at)), at);
  // A tail of zeros is what was never written: that much damage cannot be told from nothing.
  else if (kind === 2) bytes.fill(0, at, Math.min(at + length, used - 1));
  else if (kind === 3) bytes.copyWithin(at & ~7, other & ~7, (other & ~7) + length);
  else if (kind === 4) mutated = bytes.slice(0, at);
  else mutated = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
  rig.fs.plant(path, mutated);
  return `${path} kind ${kind} at ${at} from ${other} length ${length}`;
}

function wrongEntries(wal: Wal, versions: Written['versions']): string[] {
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

describe('Wal on mutated files', () => {
  it('never crashes, never shows bytes that were not written, never loses anything without a word', async () => {
    const tally = { strict: 0, refused: 0, replicated: 0 };
    for (const seed of seeds(1, 4)) {
      const written = await write(seed);
      const random = new SimRandom(`mutations/${seed}`);
      for (let run = 0; run < 40; run++) {
        const damaged = written.rig.copy();
        const how = `seed ${seed} run ${run}: ${mutate(damaged, random)}`;
        const report = verifyWal(damaged.fs, DIR);
        const strict = await damaged.copy().open().catch(refusal);
        if (typeof strict === 'string') {
          tally.refused++;
          if (!/^WAL_(CORRUPT|NEWER_FORMAT)$/.test(strict)) throw new Error(`${how}: ${strict}`);
          if (report.ok) throw new Error(`${how}: verify found nothing`);
        } else {
          tally.strict++;
          // Damage that takes the last frames and their promise alike is a torn tail: told, and kept.
          const told = strict.report.tail === 'torn';
          if (!told && showWal(strict.wal) !== written.final)
            throw new Error(`${how}: not as it was`);
        }
        const replicated = await damaged.open({ mode: 'replicated' }).catch(refusal);
        if (typeof replicated === 'string') {
          if (!/^WAL_(CORRUPT|NEWER_FORMAT)$/.test(replicated))
            throw new Error(`${how}: ${replicated}`);
          continue;
        }
        tally.replicated++;
        const wrong = wrongEntries(replicated.wal, written.versions);
        if (wrong.length > 0) throw new Error(`${how}: shows ${wrong.join()}`);
        const { corruptions, tail } = replicated.report;
        const silent = corruptions.length === 0 && tail === 'clean';
        if (silent && showWal(replicated.wal) !== written.final) throw new Error(`${how}: silent`);
      }
    }
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(20);
  });
});

function refusal(error: { code?: string }): string {
  return error.code ?? String(error);
}
