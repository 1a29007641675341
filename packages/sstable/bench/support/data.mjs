// Keys of 16 bytes that look random, the same for the same number, and values that half compress.
import { KEY_BYTES } from './options.mjs';

/** Fills `target` with key number n. */
export function keyInto(target, n) {
  let x = Math.imul(n + 1, 0x9e3779b9);
  for (let i = 0; i < KEY_BYTES; i += 4) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
    x ^= x >>> 15;
    target[i] = x;
    target[i + 1] = x >>> 8;
    target[i + 2] = x >>> 16;
    target[i + 3] = x >>> 24;
  }
  return target;
}

/** A buffer of its own: some engines keep what they are given until a write is done. */
export function newKey(n) {
  return keyInto(Buffer.alloc(KEY_BYTES), n);
}

export function newValue(bytes) {
  const value = Buffer.alloc(bytes, 'abcdefgh');
  let x = 1;
  for (let i = 0; i < bytes / 2; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
    value[i] = x >>> 16;
  }
  return value;
}

/** Numbers below `count` in an order that jumps. */
export function shuffled(i, count) {
  return (i * 7919) % count;
}
