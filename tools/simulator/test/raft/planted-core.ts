import { loadWith } from '../../../../packages/raft-core/test/mutants/module-loader.js';
import { plantedBugs } from '../../../../packages/raft-core/test/mutants/mutants.js';
import type { RaftCore } from '../../src/raft/world.js';

/** The shipped core, in a world of its own, with a bug of packages/raft-core/test/mutants; null: none. */
export function coreWith(name: string | null): RaftCore {
  const bug = plantedBugs.find((each) => each.name === name);
  if (name !== null && bug === undefined) throw new RangeError(`no planted bug: ${name}`);
  return loadWith(bug ?? null, 'src/index.ts', {}) as unknown as RaftCore;
}
