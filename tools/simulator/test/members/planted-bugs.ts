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
    find: '      readPutField(tag, view);',
    replace: '      if (tag === 0x78) reader.varint();\n      else readPutField(tag, view);',
  },
  {
    name: 'a lease is not looked at again before it is told under',
    file: 'replica/src/read/lease-queue.ts',
    find: 'return core.leaseValid(clock.monotonicMs()) ? leaseMark : null;',
    replace: 'return clock.monotonicMs() < 0 ? null : core === null ? null : leaseMark;',
  },
  {
    name: 'a bounded read goes by the time since the leader was heard',
    file: 'replica/src/parts.ts',
    find: '    this.readyLoop = new ReadyLoop(',
    replace: `    this.reads.bounded.mark = (boundMs) => {
      const ageMs = leadership.isLeader ? 0 : contact.ageMs(clock.monotonicMs());
      return ageMs <= boundMs ? { served: 4, ageMs } : null;
    };
    this.readyLoop = new ReadyLoop(`,
  },
  {
    name: 'the steps of a transaction are not folded',
    file: 'replica/src/plan/overlay.ts',
    find: 'this.#effects.splice(at, isKnown ? 1 : 0, effect);',
    replace: 'this.#effects.splice(isKnown ? at + 1 : at, 0, effect);',
  },
  {
    name: 'a leader deletes keys whose time is over by itself',
    file: 'replica/src/ttl/expirer.ts',
    find: "propose(encodeInternal({ $case: 'expire', value }), this.#sink);",
    replace: `const { db, state } = this.#options;
    for (const { key } of keys) db.delete(++state.revision, key);
    this.#applied(propose, value);`,
  },
  {
    name: 'a watch passes over what waits for its flush',
    file: 'sstable/src/engine/open-iterator.ts',
    find: 'const cursors: Cursor[] = memtablesOf(store)\n    .filter(',
    replace: 'const cursors: Cursor[] = [store.mutable]\n    .filter(',
  },
];

/** Must be found in every profile. */
export const canary: PlantedBug = {
  name: 'canary: a put takes two revisions',
  file: 'replica/src/state/state-machine.ts',
  find: '    state.revision = revision;\n    this.revision = revision;',
  replace: '    state.revision = revision + 1;\n    this.revision = revision;',
};
