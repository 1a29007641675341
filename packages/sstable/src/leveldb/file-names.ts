/**
 * Names in a directory of LevelDB's.
 *
 * ```
 * CURRENT             the name of the manifest that counts, and a newline
 * MANIFEST-000002     a manifest
 * 000005.ldb          a table; .sst in databases of old
 * 000006.log          a write-ahead log
 * ```
 * LOCK and LOG are there, too; they hold nothing of the data.
 */
export const CURRENT = 'CURRENT';

/** Under which CURRENT is written before it gets its name. */
export const CURRENT_UNFINISHED = 'CURRENT.dbtmp';

export type LevelDbName =
  | { readonly kind: 'table' | 'log' | 'manifest'; readonly name: string; readonly number: number }
  | { readonly kind: 'current'; readonly name: string };

const NUMBERED: readonly (readonly ['table' | 'log' | 'manifest', RegExp])[] = [
  ['table', /^(\d{1,15})\.(?:ldb|sst)$/],
  ['log', /^(\d{1,15})\.log$/],
  ['manifest', /^MANIFEST-(\d{1,15})$/],
];

/** null for a name that holds no data. */
export function parseLevelDbName(name: string): LevelDbName | null {
  if (name === CURRENT) return { kind: 'current', name };
  for (const [kind, pattern] of NUMBERED) {
    const match = pattern.exec(name);
    if (match !== null) return { kind, name, number: Number(match[1]) };
  }
  return null;
}

export function levelDbTableName(number: number): string {
  return `${digits(number)}.ldb`;
}

export function levelDbManifestName(number: number): string {
  return `MANIFEST-${digits(number)}`;
}

function digits(number: number): string {
  return String(number).padStart(6, '0');
}
