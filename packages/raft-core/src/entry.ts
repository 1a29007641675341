import type { LogIndex, Term } from './ids.js';

/** etcd's names and numbers (raftpb.EntryType). */
export const EntryType = { EntryNormal: 0, EntryConfChange: 1, EntryConfChangeV2: 2 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One log entry. Immutable; `data` is never copied or read by the core. */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly data: Uint8Array;
  /** The host's checksum of data (u32), carried along untouched; 0 for the empty entry of a new term. */
  readonly checksum: number;
}

const NO_DATA = new Uint8Array(0);

/** The entry that opens a term: the first one of every leader, empty, the same on all replicas. */
export function openingEntry(term: Term, index: LogIndex): Entry {
  return { term, index, type: EntryType.EntryNormal, data: NO_DATA, checksum: 0 };
}

/** What a host proposes: bytes and their checksum. The core assigns term and index. */
export interface ProposalData {
  readonly data: Uint8Array;
  readonly checksum: number;
}

/** Bytes an entry counts for in every size limit of the core: its data and a fixed overhead. */
export const ENTRY_OVERHEAD_BYTES = 24;

export function entrySizeBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}
