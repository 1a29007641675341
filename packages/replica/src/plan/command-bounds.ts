import { limits } from '@dougdb/rpc-proto';

/**
 * Keys that a command may touch (S21). Part of what a command means, not a setting: whoever applies it judges
 * by the same number.
 */
export const MAX_COMMAND_KEYS = limits.commandKeys;

/** Bytes that a command may answer beside its revision: what any answer carries. As fixed as the other. */
export const MAX_RESULT_BYTES = limits.requestBytes - limits.envelopeBytes;
