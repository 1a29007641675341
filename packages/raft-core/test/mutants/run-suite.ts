import { loadWith, type Mutant } from './module-loader.js';

interface Test {
  readonly name: string;
  readonly run: () => void;
}

/**
 * Runs a test file of this package against a core with a bug, until a test fails.
 * @returns the first failure, or null if all tests pass
 */
export function runSuite(mutant: Mutant | null, file: string): string | null {
  const tests: Test[] = [];
  const path: string[] = [];
  const describe = Object.assign(
    (name: string, body: () => void): void => {
      path.push(name);
      body();
      path.pop();
    },
    {
      each: (rows: readonly unknown[]) => (name: string, body: (...args: unknown[]) => void) => {
        for (const row of rows) describe(name, () => body(...argumentsOf(row)));
      },
    },
  );
  const it = Object.assign(
    (name: string, run: () => void): void => {
      tests.push({ name: [...path, name].join(' '), run });
    },
    {
      each: (rows: readonly unknown[]) => (name: string, run: (...args: unknown[]) => void) => {
        for (const row of rows) it(name, () => run(...argumentsOf(row)));
      },
    },
  );
  try {
    loadWith(mutant, file, { describe, it, expect, jest });
  } catch (error) {
    return `while loading: ${String(error)}`;
  }
  for (const test of tests) {
    try {
      test.run();
    } catch (error) {
      return `${test.name}: ${firstLine(error)}`;
    }
  }
  if (tests.length === 0) throw new Error(`${file} has no tests`);
  return null;
}

const argumentsOf = (row: unknown): unknown[] => (Array.isArray(row) ? row : [row]);

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

interface SimulationModule {
  readonly Simulation: new (
    seed: number,
    profile: unknown,
    options: { readonly isTraced: boolean },
  ) => { run(): unknown };
}

/**
 * Simulates groups of a core with a bug.
 * @returns the first violation, or null if none of the seeds shows one
 */
export function runSimulation(
  mutant: Mutant | null,
  { profile, first, seeds }: { readonly profile: unknown; first: number; seeds: number },
): string | null {
  const module = loadWith(mutant, 'test/harness/simulation.ts', {});
  const { Simulation } = module as unknown as SimulationModule;
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      new Simulation(seed, profile, { isTraced: false }).run();
    } catch (error) {
      return `seed ${seed}: ${firstLine(error)}`;
    }
  }
  return null;
}
