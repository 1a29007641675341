import type { PlantedBug } from './planted-world.js';

/** Mistakes with the data of one partition, each of which a recorded run shows. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'no dedupe',
    file: 'replica/src/state/session-table.ts',
    find: 'if (row.has(view.seq)) {',
    replace: 'if (row.has(view.seq) && this.#size < 0) {',
  },
  {
    name: 'session rows lost at a restart',
    file: 'replica/src/state/session-table.ts',
    find: '      result.#insert(row);',
    replace: '',
  },
  {
    name: 'only the last seq of a session is kept',
    file: 'replica/src/state/session-row.ts',
    find: 'return seq <= this.#highest && this.#outcomes',
    replace: 'return seq === this.#highest && this.#outcomes',
  },
  {
    name: 'a session that is over is made once more',
    file: 'replica/src/state/session-table.ts',
    find: 'if (Math.abs(logTime - view.startedAt) >= ageLimit) return SessionVerdict.UnknownSession;',
    replace: 'if (ageLimit < 0) return SessionVerdict.UnknownSession;',
  },
  {
    name: 'NOT_APPLIED is said of the last attempt alone',
    file: 'client-sdk/src/engine/engine.ts',
    find: '      maybeApplied: op.maybeApplied,\n    };',
    replace: '      maybeApplied: false,\n    };',
  },
  {
    name: 'a command with an unknown field is applied',
    file: 'rpc-proto/src/command-codec.ts',
    find: 'refuse(`unknown field ${tag >>> 3} or wrong wire type in put`);',
    replace: 'reader.varint();',
  },
];

/** Must be found in every profile. */
export const canary: PlantedBug = {
  name: 'canary: a put writes the value of another',
  file: 'replica/src/state/state-machine.ts',
  find: 'const revision = state.revision + 1;',
  replace: 'const revision = state.revision + 2;',
};
