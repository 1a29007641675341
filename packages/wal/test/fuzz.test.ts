import { SimRandom } from '@dougdb/ports/sim';
import { type RecoveryReport, verifyWal, type Wal } from '../src/index.js';
import { showWal } from './model.js';
import { DIR, entry, type Rig } from './rig.js';
import { seeds } from './scale.js';
import { refusal, type Written, write, wrongEntries } from './written.js';

/** Damages one file somehow; says how, and if all of its frames are gone: that is the loss of a whole file. */
function mutate(rig: Rig, random: SimRandom): { how: string; isErased: boolean } {
  const path = `${DIR}/${random.pick(rig.fs.list(DIR))}`;
  const framed = rig.fs.list(DIR).filter((name) => hasFrames(rig.fs.contents(`${DIR}/${name}`)));
  const newest = `${DIR}/${framed.at(-1)}`;
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
  const how = `${path} kind ${kind} at ${at} from ${other} length ${length}`;
  return { how, isErased: path === newest && !hasFrames(mutated) };
}

function hasFrames(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes('DWFR');
}

describe('Wal on mutated files', () => {
  it('never crashes, never shows bytes that were not written, never loses anything without a word', async () => {
    const tally = { strict: 0, refused: 0, replicated: 0, repaired: 0 };
    for (const seed of seeds(1, 4)) {
      const written = await write(seed);
      const random = new SimRandom(`mutations/${seed}`);
      for (let run = 0; run < 40; run++) {
        const damaged = written.rig.copy();
        const mutation = mutate(damaged, random);
        // Nobody can notice the loss of the newest file as a whole.
        if (mutation.isErased) continue;
        const how = `seed ${seed} run ${run}: ${mutation.how}`;
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
        tally.repaired += await repair(written, damaged, replicated, how);
      }
    }
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(20);
  });
});

/**
 * Repairs what is faulty from a member that has all of it, goes on, and starts again after a power loss: what
 * could be read before can be read then. Answers how many entries were repaired.
 */
async function repair(
  { model, versions }: Written,
  rig: Rig,
  { wal, report }: { readonly wal: Wal; readonly report: RecoveryReport },
  how: string,
): Promise<number> {
  let repaired = 0;
  for (const { id, faulty } of report.logs) {
    const { prefixIndex, entries } = model.log(id);
    const known = faulty.map(({ index }) => entries[index - prefixIndex - 1]);
    repaired += wal.rewrite(
      id,
      known.filter((entry) => entry !== undefined),
    );
  }
  wal.append(77, [entry(wal.log(77).lastIndex() + 1)], 0);
  await rig.durable(wal);
  const before = readable(wal);
  const { wal: again } = await rig.afterCrash().open({ mode: 'replicated' });
  const after = new Set(readable(again));
  const lost = before.filter((line) => !after.has(line));
  if (lost.length > 0) throw new Error(`${how}: after repair and restart ${lost.join()} is lost`);
  const wrong = wrongEntries(again, versions).filter((name) => !name.startsWith('77/'));
  if (wrong.length > 0) throw new Error(`${how}: after repair and restart shows ${wrong.join()}`);
  return repaired;
}

/** Extents of all logs, and each entry that can be read. */
function readable(wal: Wal): string[] {
  return wal.logIds().flatMap((id) => {
    const log = wal.log(id);
    const lines = [`${id} [${log.firstIndex()}, ${log.lastIndex()}] ${log.commitHint()}`];
    for (let index = log.firstIndex(); index <= log.lastIndex(); index++) {
      const read = log.entries(index, index + 1, 1);
      const found = typeof read === 'object' ? read[0] : undefined;
      if (found !== undefined) lines.push(`${id}/${index}/${found.term}/${found.checksum}`);
    }
    return lines;
  });
}
