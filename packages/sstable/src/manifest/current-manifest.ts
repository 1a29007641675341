import type { FileName } from './file-names.js';

/** The manifest and marker files that count. */
export interface CurrentManifest {
  readonly number: number;
  readonly iteration: number;
}

/** The manifest that the newest marker names. */
export function currentManifest(files: readonly FileName[]): CurrentManifest | null {
  let current: CurrentManifest | null = null;
  for (const file of files) {
    if (file.kind !== 'marker' || file.iteration <= (current?.iteration ?? 0)) continue;
    current = { number: file.manifest, iteration: file.iteration };
  }
  return current;
}
