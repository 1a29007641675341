import type {
  CrashOptions,
  OperationHook,
  OperationKind,
  SimFs,
  SimRandom,
} from '@dougdb/ports/sim';
import { BlockCache } from '../../src/block-cache.js';
import type { DbOptions } from '../../src/contract.js';
import { MemtableBudget } from '../../src/memtable-budget.js';
import type { HostOptions } from './host.js';

/** Everything about a run that must not change what it shows. */
export interface Setup {
  /** Names and values, for people. */
  readonly label: string;
  /** New for each run: caches and budgets are not shared between runs. */
  readonly options: () => Partial<DbOptions>;
  readonly freezes: NonNullable<HostOptions['freezes']>;
  readonly syncDelayMs: number;
  readonly jobs: 'on the loop' | 'in threads';
  /** The power fails within so many changes of the disk after each start; 0: it does not. */
  readonly crashWithin: number;
  /** One of so many operations fails; 0: none does. */
  readonly faultIn: number;
}

interface Axis {
  readonly name: string;
  readonly values: readonly unknown[];
  readonly optionsOf: (value: never) => Partial<DbOptions>;
}

/** An option of the database that takes its values as they are. */
function option<K extends keyof DbOptions>(name: K, values: readonly DbOptions[K][]): Axis {
  return { name, values, optionsOf: (value) => ({ [name]: value }) };
}

/** One that is made of its value, for each run anew. */
function made<T extends number | string>(
  name: string,
  values: readonly T[],
  optionsOf: (value: T) => Partial<DbOptions>,
): Axis {
  return { name, values, optionsOf };
}

/** The axes of the space of options. One line adds one. */
const AXES: readonly Axis[] = [
  option('memtableBytes', [300, 1000, 4000, 16_000_000]),
  option('blockBytes', [1, 60, 500, 4096]),
  option('tableBytes', [100, 700, 5000, 32_000_000]),
  option('level0Tables', [1, 2, 4, 50]),
  option('level1Bytes', [300, 1500, 20_000, 64_000_000]),
  option('sliceMs', [0.001, 2]),
  option('compression', ['none', 'deflate-raw']),
  option('indexBytes', [1, 200, 64_000]),
  made('cacheBytes', [0, 700, 100_000], (size) => ({ cache: new BlockCache(size) })),
  made('budgetBytes', [2000, 40_000, 1e9], (size) => ({ budget: new MemtableBudget(size) })),
];

/** Draws a setup. The first of a run should be a calm one: {@link calmSetup}. */
export function drawSetup(random: SimRandom): Setup {
  const drawn = AXES.map((axis) => ({ axis, value: random.pick(axis.values) }));
  const rest = {
    freezes: random.pick(['as asked', 'as asked', 'in steps'] as const),
    syncDelayMs: random.pick([0, 0, 0.3, 2]),
    jobs: random.pick(['on the loop', 'in threads'] as const),
    crashWithin: random.pick([0, 15, 60, 250]),
    faultIn: random.pick([0, 0, 40, 200]),
  };
  const named = drawn.map(({ axis, value }) => [axis.name, value]);
  return {
    ...rest,
    label: JSON.stringify({ ...Object.fromEntries(named), ...rest }),
    options: () =>
      Object.assign({}, ...drawn.map(({ axis, value }) => axis.optionsOf(value as never))),
  };
}

/** The defaults, and no accident. */
export const calmSetup: Setup = {
  label: 'the defaults',
  options: () => ({}),
  freezes: 'as asked',
  syncDelayMs: 0,
  jobs: 'on the loop',
  crashWithin: 0,
  faultIn: 0,
};

/** What a power loss may leave, all kinds of it. */
export function drawCrash(random: SimRandom): CrashOptions {
  return {
    keepUnsyncedPercent: random.pick([0, 20, 50, 80, 100]),
    sector: random.pick([64, 512, 4096]),
    garbage: random.chance(0.5),
  };
}

/** Plans the accidents of a process that is about to start. */
export function planAccidents(
  fs: SimFs,
  setup: Setup,
  random: SimRandom,
  startsInVain: number,
): void {
  const patience = 2 ** Math.min(startsInVain, 10);
  if (setup.crashWithin > 0) {
    fs.crashAtMutation(fs.mutationCount + 1 + random.int(setup.crashWithin * patience));
  }
  if (setup.faultIn > 0) {
    fs.onOperation(faultHook(setup.faultIn * patience, random.fork('faults')));
  }
}

/**
 * Failures that an honest database gets over by itself or by a restart. A parent directory that could not be
 * synced is none of them: its names may be lost for good, and no program could know.
 */
function faultHook(oneIn: number, random: SimRandom): OperationHook {
  return ({ kind, path, length }) => {
    if (!random.chance(1 / oneIn)) return 'ok';
    if (kind === 'syncDir' && path !== '/data/db') return 'ok';
    if (kind === 'write' && random.chance(0.3)) {
      return { fault: 'short-write', writtenBytes: random.int(length + 1) };
    }
    // Space is no matter of reads, nor of a look at names.
    return random.chance(0.5) && takesSpace(kind) ? 'ENOSPC' : 'EIO';
  };
}

function takesSpace(kind: OperationKind): boolean {
  return ['create', 'mkdir', 'link', 'rename', 'write', 'datasync', 'syncDir'].includes(kind);
}
