import { SimRandom } from '@dougdb/ports/sim';
import { verifyWal } from '../src/index.js';
import { showWal } from './model.js';
import { DIR, type Rig } from './rig.js';
import { seeds } from './scale.js';
import { refusal, write, wrongEntries } from './written.js';

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
