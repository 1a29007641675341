declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]?: Name };

/** Raft's term: a safe integer >= 0, checked where bytes are decoded and nowhere else. */
export type Term = Branded<'Term'>;
/** Position in the log, from 1; 0 stands before the first entry. A safe integer. */
export type LogIndex = Branded<'LogIndex'>;
/** Identity of a voter or learner in one group: a safe integer >= 1, never reused. 0 is "none". */
export type ReplicaId = Branded<'ReplicaId'>;

/** No leader, no vote. */
export const NONE: ReplicaId = 0;
