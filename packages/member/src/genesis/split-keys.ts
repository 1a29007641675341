import { limits } from '@dougdb/rpc-proto';
import { compareBytes } from '../compare-bytes.js';

/** One data partition more than this; each costs a member some memory and timers while idle. */
export const MOST_SPLIT_KEYS = 255;
/** Of all keys together, so that the record and every map of the cluster fit into one message. */
const MOST_SPLIT_BYTES = 256 << 10;

/** What is wrong with the keys at which a cluster is to be split from the beginning; null: nothing. */
export function splitKeysFault(keys: readonly Uint8Array[]): string | null {
  if (keys.length > MOST_SPLIT_KEYS) {
    return `${keys.length} keys are more than ${MOST_SPLIT_KEYS}`;
  }
  let sizeBytes = 0;
  for (const [at, key] of keys.entries()) {
    const before = keys[at - 1];
    if (key.length === 0) return `key ${at + 1} is empty`;
    if (key.length > limits.keyBytes) {
      return `key ${at + 1} has ${key.length} bytes, a key has at most ${limits.keyBytes}`;
    }
    const order = before === undefined ? -1 : compareBytes(before, key);
    if (order === 0) return `key ${at + 1} is the same as the one before it`;
    if (order > 0) return `key ${at + 1} sorts before the one before it: they must ascend`;
    sizeBytes += key.length;
  }
  if (sizeBytes > MOST_SPLIT_BYTES) {
    return `the keys have ${sizeBytes} bytes, together they may have ${MOST_SPLIT_BYTES}`;
  }
  return null;
}
