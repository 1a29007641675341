/**
 * Names in a database's directory.
 *
 * ```
 * 000012.sst                              a table
 * MANIFEST-000011                         a manifest
 * marker.manifest.000003.MANIFEST-000011  empty: its name says which manifest counts
 * ```
 * Numbers are decimal, at least six digits, from one counter; the marker has a counter of its own.
 */
export type FileName =
  | { readonly kind: 'table'; readonly name: string; readonly number: number }
  | { readonly kind: 'manifest'; readonly name: string; readonly number: number }
  | {
      readonly kind: 'marker';
      readonly name: string;
      readonly iteration: number;
      readonly manifest: number;
    };

const TABLE = /^(\d{6,15})\.sst$/;
const MANIFEST = /^MANIFEST-(\d{6,15})$/;
const MARKER = /^marker\.manifest\.(\d{6,15})\.MANIFEST-(\d{6,15})$/;

export function tableName(number: number): string {
  return `${digits(number)}.sst`;
}

export function manifestName(number: number): string {
  return `MANIFEST-${digits(number)}`;
}

export function markerName(iteration: number, manifest: number): string {
  return `marker.manifest.${digits(iteration)}.${manifestName(manifest)}`;
}

/** null for a name that is none of ours: such files are left alone. */
export function parseFileName(name: string): FileName | null {
  const table = TABLE.exec(name);
  if (table !== null) return { kind: 'table', name, number: Number(table[1]) };
  const manifest = MANIFEST.exec(name);
  if (manifest !== null) return { kind: 'manifest', name, number: Number(manifest[1]) };
  const marker = MARKER.exec(name);
  if (marker === null) return null;
  return { kind: 'marker', name, iteration: Number(marker[1]), manifest: Number(marker[2]) };
}

export function join(dir: string, name: string): string {
  return `${dir}/${name}`;
}

/** The directory that holds the name of this one. */
export function parentOf(dir: string): string {
  const trimmed = dir.replace(/\/+$/, '');
  const slash = trimmed.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : trimmed.slice(0, slash);
}

function digits(number: number): string {
  return String(number).padStart(6, '0');
}
