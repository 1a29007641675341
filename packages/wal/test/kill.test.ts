import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { SimRandom } from '@dougdb/ports/sim';
import { applyToModel, drawStep, Model, type Step, showWal } from './model.js';
import { DIR, Rig } from './rig.js';
import { FULL, LONG_MS, SEED } from './scale.js';

const KILLS = FULL ? 200 : 5;
const STEPS = 400;

/** Steps that are atomic: one entry each at most. */
function drawSteps(random: SimRandom, start: Model): { steps: Step[]; states: string[] } {
  const model = start.clone();
  const steps: Step[] = [];
  const states = [model.show()];
  while (steps.length < STEPS) {
    const drawn = drawStep(random, model, { logs: 3, maxDataBytes: 3000 });
    const step = drawn.op === 'append' ? { ...drawn, entries: drawn.entries.slice(0, 1) } : drawn;
    applyToModel(model, step);
    steps.push(step);
    states.push(model.show());
  }
  return { steps, states };
}

/** Starts a process that plays the steps, and kills it when it has said so many lines; answers all of them. */
async function playAndKill(dir: string, steps: readonly Step[], lines: number): Promise<string[]> {
  const file = `${dir}-steps.json`;
  writeFileSync(
    file,
    JSON.stringify(steps, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    ),
  );
  const child = spawn(process.execPath, [`${__dirname}/fixtures/play-steps.mjs`, dir, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.split('\n').length > lines) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect([code, signal, errors]).toEqual([null, 'SIGKILL', '']);
  return said.split('\n').slice(0, -1);
}

/** What a start would find in this directory, without touching it. */
async function peek(dir: string): Promise<string> {
  const rig = new Rig({ segmentBytes: 32 * 1024 });
  rig.fs.mkdir(DIR);
  for (const name of readdirSync(dir))
    rig.fs.plant(`${DIR}/${name}`, readFileSync(`${dir}/${name}`));
  const { wal } = await rig.open();
  return showWal(wal);
}

describe('Wal of a process that is killed', () => {
  it(
    `INVARIANT(acked-entry-survives): shows an acknowledged state or a later one, ${KILLS} times in a row`,
    async () => {
      const root = mkdtempSync(`${tmpdir()}/wal-kill-`);
      const dir = `${root}/wal`;
      mkdirSync(dir);
      const random = new SimRandom(`kill/${SEED}`);
      let model = new Model();
      let played = 0;
      try {
        for (let kill = 0; kill < KILLS; kill++) {
          const { steps, states } = drawSteps(random, model);
          // Sometimes while it recovers.
          const lines = kill % 5 === 2 ? 1 : 2 + random.int(60);
          const said = await playAndKill(dir, steps, lines);
          const acked = Math.max(0, ...said.map(Number).filter(Number.isInteger));
          const found = states.lastIndexOf(await peek(dir));
          if (found < acked) {
            throw new Error(
              `kill ${kill} of DOUG_WAL_SEED=${SEED}: ${acked} steps were acknowledged, found is ${found}`,
            );
          }
          model = model.clone();
          for (const step of steps.slice(0, found)) applyToModel(model, step);
          played += found;
        }
      } finally {
        rmSync(root, { recursive: true });
      }
      expect(played).toBeGreaterThan(FULL ? 1000 : 0);
    },
    LONG_MS,
  );
});
