const SEGMENT_NAME = /^([0-9a-f]{16})\.wal$/;
const UNFINISHED_NAME = /^[0-9a-f]{16}\.wal\.tmp$/;

/** Name of a segment's file: 16 hex digits, so that names sort as numbers do. */
export function segmentName(segment: number): string {
  return `${hex16(segment)}.wal`;
}

/** A segment that is being filled with zeros; never anything of value. */
export function unfinishedName(segment: number): string {
  return `${segmentName(segment)}.tmp`;
}

export function isUnfinished(name: string): boolean {
  return UNFINISHED_NAME.test(name);
}

/** Number of the segment with this file name, or null if it is not one. */
export function segmentOf(name: string): number | null {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  if (digits === undefined) return null;
  const segment = Number.parseInt(digits, 16);
  return Number.isSafeInteger(segment) && segment >= 1 ? segment : null;
}

/** `dir/name`, for directories with and without a slash at their end. */
export function joinPath(dir: string, name: string): string {
  return dir.endsWith('/') ? `${dir}${name}` : `${dir}/${name}`;
}

/** The directory that holds this name: '/' of '/a', '.' of 'a'. */
export function parentOf(path: string): string {
  const clean = path.replace(/\/+$/, '');
  const slash = clean.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : clean.slice(0, slash);
}

export function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}
