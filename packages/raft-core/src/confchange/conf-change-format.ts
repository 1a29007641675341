import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
} from './conf-change.js';

/*
 * A configuration change as bytes, for hosts without a format of their own:
 *
 *   offset  size  what
 *   0       1     version, 1
 *   1       1     transition
 *   2       2     number of changes, little endian
 *   4       9*n   changes: type (1), id (8, little endian, below 2^53)
 *
 * The empty string leaves a joint configuration: that is what a leader appends by itself.
 */
const VERSION = 1;
const HEADER_BYTES = 4;
const CHANGE_BYTES = 9;
const TWO_32 = 2 ** 32;

const types: ReadonlySet<number> = new Set(Object.values(ConfChangeType));
const transitions: ReadonlySet<number> = new Set(Object.values(ConfChangeTransition));

export function encodeConfChange(change: ConfChange): Uint8Array {
  const { changes, transition } = change;
  const bytes = new Uint8Array(HEADER_BYTES + CHANGE_BYTES * changes.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, transition);
  view.setUint16(2, changes.length, true);
  changes.forEach(({ type, id }, i) => {
    const at = HEADER_BYTES + CHANGE_BYTES * i;
    view.setUint8(at, type);
    view.setUint32(at + 1, id % TWO_32, true);
    view.setUint32(at + 5, Math.floor(id / TWO_32), true);
  });
  return bytes;
}

/** The change that the bytes say; null if they are not of this format. */
export function decodeConfChange(bytes: Uint8Array): ConfChange | null {
  if (bytes.length === 0) return { transition: ConfChangeTransition.Auto, changes: [] };
  if (bytes.length < HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const transition = view.getUint8(1);
  const count = view.getUint16(2, true);
  if (view.getUint8(0) !== VERSION || !transitions.has(transition)) return null;
  if (bytes.length !== HEADER_BYTES + CHANGE_BYTES * count) return null;
  const changes: ConfChangeSingle[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += CHANGE_BYTES) {
    const type = view.getUint8(at);
    const id = view.getUint32(at + 1, true) + view.getUint32(at + 5, true) * TWO_32;
    if (!types.has(type) || !Number.isSafeInteger(id)) return null;
    changes.push({ type: type as ConfChangeType, id });
  }
  return { transition: transition as ConfChangeTransition, changes };
}
