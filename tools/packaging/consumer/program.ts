// A program of someone who installed @dougdb/client: compiled by their compiler, run on their Node.
// Usage: node program.js HOST:PORT
import { strict as assert } from 'node:assert';
import {
  type CallOptions,
  type Codec,
  DougClient,
  DougError,
  type GetResult,
} from '@dougdb/client';

interface Place {
  readonly name: string;
  readonly people: number;
}

const placeCodec: Codec<Place> = {
  encode: (place) => new TextEncoder().encode(JSON.stringify(place)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Place,
};

await main(process.argv[2] ?? '');

async function main(endpoint: string): Promise<void> {
  await using texts = await DougClient.connect(endpoint);
  const patient: CallOptions = { timeoutMs: 20_000 };
  const { revision } = await texts.put('typed/1', 'Ada', patient);
  const hit: GetResult | null = await texts.get('typed/1');
  assert.deepEqual(hit, { key: 'typed/1', value: 'Ada', revision });

  const places = texts.withCodec(placeCodec);
  await places.put('place/1', { name: 'Delft', people: 109_000 });
  let people = 0;
  for await (const entry of places.scan({ prefix: 'place/' })) people += entry.value.people;
  assert.equal(people, 109_000);

  const refused: unknown = await texts.put('', 'no key').catch((error: unknown) => error);
  assert.ok(refused instanceof DougError);
  assert.equal(refused.code, 'DOUG_INVALID_ARGUMENT');
}
