import type { DougClient } from '@dougdb/client';
import type { Globals } from './globals.js';
import type { Io } from './io.js';

/** Keys and values as bytes: what a key or value is, the output decides. */
export type Db = DougClient<Uint8Array, Uint8Array>;

/** Connects to the cluster. */
export type Connect = (globals: Globals, signal: AbortSignal) => Promise<Db>;

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly globals: Globals;
  /** Connects, runs, closes. */
  withDb<T>(run: (db: Db) => Promise<T>): Promise<T>;
}

export function makeContext(io: Io, globals: Globals, connect: Connect): Context {
  return {
    io,
    globals,
    withDb: async (run) => {
      const db = await connect(globals, io.signal);
      try {
        return await run(db);
      } finally {
        await db.close();
      }
    },
  };
}
