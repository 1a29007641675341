import { type ConfChange, LEAVE_JOINT } from '#src/confchange/conf-change.js';
import { decodeConfChange, encodeConfChange } from '#src/confchange/conf-change-format.js';
import { type Entry, EntryType } from '#src/entry.js';

export interface EtcdConfChange {
  readonly change: ConfChange;
  readonly type: EntryType;
}

export function encodeEtcdChange(change: ConfChange): Uint8Array {
  const isLeave = change.changes.length === 0 && change.transition === LEAVE_JOINT.transition;
  return isLeave ? new Uint8Array(0) : encodeConfChange(change);
}

export function decodeEtcdChange(e: Entry): ConfChange {
  const change = decodeConfChange(e.data);
  if (change === null || e.type === EntryType.EntryNormal) {
    throw new Error(`entry ${e.index} is no configuration change`);
  }
  return change;
}
