import type { KeyValue } from '@dougdb/rpc-proto';
import { type Codec, decodeKey, decodeValue, type Key } from './codec.js';
import { dateMsOf } from './log-time.js';
import type { Entry, KeyEntry } from './result-reader.js';

/** An entry as applications see it. @throws DougError DECODE */
export function entryOf<V, K extends Key>(
  codec: Codec<V, K>,
  { key, value, revision, expiresAt }: KeyValue,
  what: 'with value' | 'key only',
): Entry<V, K> | KeyEntry<K> {
  const name = decodeKey(codec, key);
  const expires = expiresAt === 0 ? undefined : { expiresAt: dateMsOf(expiresAt) };
  if (what === 'key only') return { key: name, revision, ...expires };
  return { key: name, value: decodeValue(codec, value), revision, ...expires };
}
