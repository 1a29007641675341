// What an item is, in one byte of a ring.

/** A get; else a command. */
export const GET = 1;
/** A get that any replica may serve. */
export const ANY_REPLICA = 2;
/** This op was sent before by somebody. */
export const RESEND = 4;
/** Nobody waits for it any more. */
export const DROPPED = 8;
/** The slot is in use. */
export const OPEN = 16;
/** The origin has its answer; the node still owes one. */
export const GHOST = 32;
