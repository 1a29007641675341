import { type KeyBounds, SstError, SstErrorCode } from '../contract.js';
import { ALL_KEYS, isWithin } from '../read/bounds.js';
import { COMPARATOR } from '../table/properties.js';
import { findLevelDamage } from '../version/level-check.js';
import { MANIFEST_FORMAT_VERSION, type NewFile, type VersionEdit } from './version-edit.js';

/** What the edits of a manifest add up to. Immutable. */
export interface ManifestState {
  /** By table number. */
  readonly files: ReadonlyMap<number, NewFile>;
  readonly lastSequence: number;
  readonly nextFileNumber: number;
  readonly hostState: Uint8Array | null;
  /** Keys outside are not part of the database; null: all keys are. */
  readonly bounds: KeyBounds | null;
}

export const EMPTY_STATE: ManifestState = {
  files: new Map(),
  lastSequence: 0,
  nextFileNumber: 1,
  hostState: null,
  bounds: null,
};

/**
 * The state after one more edit.
 * @throws SstError SST_CORRUPT if the edit does not fit: it names a table that is not there, or the
 * levels would not hold together
 */
export function applyEdit(state: ManifestState, edit: VersionEdit): ManifestState {
  const files = new Map(state.files);
  for (const { level, number } of edit.deletedFiles ?? []) {
    if (files.get(number)?.level !== level) {
      throw misfit(`an edit takes table ${number} out of level ${level}, where it is not`);
    }
    files.delete(number);
  }
  for (const file of edit.newFiles ?? []) {
    if (files.has(file.table.number)) throw misfit(`an edit adds table ${file.table.number} again`);
    files.set(file.table.number, file);
  }
  if ((edit.newFiles ?? []).length > 0) {
    const damage = findLevelDamage([...files.values()]);
    if (damage !== null) throw misfit(damage);
  }
  const lastSequence = edit.lastSequence ?? state.lastSequence;
  if (lastSequence < state.lastSequence) throw misfit('an edit sets the last sequence back');
  if (edit.bounds !== undefined && !isWithin(edit.bounds, state.bounds ?? ALL_KEYS)) {
    throw misfit('an edit widens the bounds');
  }
  return {
    files,
    lastSequence,
    nextFileNumber: Math.max(state.nextFileNumber, edit.nextFileNumber ?? 0),
    hostState: edit.hostState ?? state.hostState,
    bounds: edit.bounds ?? state.bounds,
  };
}

/** The one edit that makes this state out of nothing: the first of a manifest. */
export function fullEdit(
  state: ManifestState,
  identity: Uint8Array,
  manifestNumber: number,
): VersionEdit {
  return {
    head: {
      formatVersion: MANIFEST_FORMAT_VERSION,
      comparator: COMPARATOR,
      identity,
      manifestNumber,
    },
    nextFileNumber: state.nextFileNumber,
    lastSequence: state.lastSequence,
    ...(state.hostState === null ? {} : { hostState: state.hostState }),
    newFiles: [...state.files.values()],
    ...(state.bounds === null ? {} : { bounds: state.bounds }),
  };
}

function misfit(what: string): SstError {
  return new SstError(SstErrorCode.Corrupt, what);
}
