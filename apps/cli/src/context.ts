import type { DougClient } from '@dougdb/client';
import { ConnectError } from './cli-errors.js';
import type { Globals } from './globals.js';
import type { Io } from './io.js';
import type { ParsedTxn } from './txn/parse-txn.js';

type Client = DougClient<Uint8Array, Uint8Array>;

/** What a write takes beside key and value. */
export interface WriteOptions {
  readonly signal?: AbortSignal;
  readonly ifRevision?: number | undefined;
  readonly ifAbsent?: boolean | undefined;
  readonly returnPrevious?: boolean | undefined;
  readonly returnExisted?: boolean | undefined;
  readonly ttlMs?: number | undefined;
}

/** Keys that are deleted together. */
export interface DeletedRange {
  readonly prefix?: Uint8Array | undefined;
  readonly start?: Uint8Array | undefined;
  readonly end?: Uint8Array | undefined;
}

/** What a transaction answers. */
export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  /** One for each step of the list that was carried out. */
  readonly results?: readonly unknown[] | undefined;
  readonly resultKept?: false | undefined;
}

/** What a write answers. */
export interface WriteAnswer {
  readonly revision: number;
  /** Only where it was asked for; null: nothing was there. */
  readonly previous?: { readonly value: Uint8Array; readonly revision: number } | null | undefined;
  /** Only where it was asked for. */
  readonly existed?: boolean | undefined;
  /** Applied before, and the details that were asked for are gone. */
  readonly resultKept?: false | undefined;
}

/**
 * What the commands use of the client. Keys and values are bytes: what a key or value is, the output
 * decides.
 */
export interface Db
  extends Pick<Client, 'get' | 'scan' | 'count' | 'watch' | 'counters' | 'close'> {
  readonly admin: Pick<
    Client['admin'],
    'status' | 'members' | 'partitions' | 'transferLeader' | 'compact'
  >;
  put(key: Uint8Array, value: Uint8Array, options?: WriteOptions): Promise<WriteAnswer>;
  delete(key: Uint8Array, options?: WriteOptions): Promise<WriteAnswer>;
  deleteRange(
    options: DeletedRange & { readonly signal?: AbortSignal },
  ): Promise<{ readonly deleted: number; readonly resultKept?: false }>;
  txn(txn: ParsedTxn, options?: { readonly signal?: AbortSignal }): Promise<TxnAnswer>;
}

/** Connects to the cluster. */
export type Connect = (globals: Globals, signal: AbortSignal) => Promise<Db>;

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly globals: Globals;
  /** Connects, runs, closes. @throws ConnectError if it does not come to running */
  withDb<T>(run: (db: Db) => Promise<T>): Promise<T>;
}

export function makeContext(io: Io, globals: Globals, connect: Connect): Context {
  return {
    io,
    globals,
    withDb: async (run) => {
      const db = await connected(io, globals, connect);
      try {
        return await run(db);
      } finally {
        await db.close();
      }
    },
  };
}

async function connected(io: Io, globals: Globals, connect: Connect): Promise<Db> {
  try {
    return await connect(globals, io.signal);
  } catch (error) {
    throw new ConnectError(error, globals.endpointsFrom);
  }
}
