import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mutant, mutatedSource } from './module-loader.js';
import { plantedBugs } from './mutants.js';
import { runSimulation, runSuite } from './run-suite.js';

/** What the simulation may spend on a bug. */
const search = {
  first: 1,
  seeds: 40,
  profile: {
    ...{ voters: 3, steps: 1000, drop: 0.05, duplicate: 0.03, maxDelay: 6, straggle: 0.02 },
    ...{ crash: 0.01, partition: 0.01, transfer: 0.01, work: 0.4 },
    config: { electionTick: 8, heartbeatTick: 2, maxSizePerMsg: 100, maxInflightMsgs: 3 },
  },
};

const run = (bug: Mutant | null, layer: string): string | null =>
  layer === 'simulation' ? runSimulation(bug, search) : runSuite(bug, layer);

const layers = [...new Set(plantedBugs.flatMap((bug) => bug.caughtBy.split('|')))];

describe('planted bugs', () => {
  it.each(layers)('none: %s passes in this harness', (layer) => {
    const fewer = { ...search, seeds: 3 };
    const failure = layer === 'simulation' ? runSimulation(null, fewer) : run(null, layer);
    expect(failure).toBeNull();
  });

  it.each(plantedBugs)('$name: caught by $caughtBy', (bug) => {
    const found = bug.caughtBy.split('|').map((layer) => run(bug, layer));
    expect(found.some((failure) => failure !== null)).toBe(true);
  });

  it('are listed in the docs', () => {
    const table = readFileSync(join(__dirname, '../../docs/planted-bugs.md'), 'utf8');
    const missing = plantedBugs.filter(
      (bug) => !table.includes(`| ${bug.name} | \`${bug.file}\` |`),
    );
    expect(missing.map((bug) => bug.name)).toEqual([]);
  });

  it('stand where they are said to stand, each once, each under its own name', () => {
    expect(new Set(plantedBugs.map((bug) => bug.name)).size).toBe(plantedBugs.length);
    expect(plantedBugs.length).toBeGreaterThanOrEqual(22);
    const gone = { name: 'gone', file: 'core/tick.ts', find: 'no such code', replace: '' };
    expect(() => mutatedSource(gone)).toThrow('occurs 0 times');
  });
});

describe('the canary', () => {
  const canary: Mutant = {
    name: 'canary',
    file: 'core/replication.ts',
    find: 'const index = r.tracker.committedIndex();',
    replace: 'const index = r.log.lastIndex;',
  };

  it('dies in the simulation and in a suite: both can fail', () => {
    expect(runSimulation(canary, search)).not.toBeNull();
    expect(runSuite(canary, 'test/paper.test.ts')).not.toBeNull();
  });
});
