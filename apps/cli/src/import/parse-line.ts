import { limits } from '@dougdb/rpc-proto';
import { UsageError } from '../cli-errors.js';
import { bytesOf, textOf } from '../encoding/json-bytes.js';

/** What a line asks to be put. */
export interface ImportEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Fields that may be there beside key and value: what `doug scan -o json` prints is taken too. */
const ignored = new Set(['revision', 'age_ms']);

/**
 * Reads {"key", "value"}, either of them as text or, with `_base64`, as bytes. Strict: what is not
 * understood is refused, because a misread line would be a wrong write.
 * @throws UsageError that says what is wrong with the line, without its number
 */
export function parseLine(bytes: Uint8Array): ImportEntry {
  const fields = parseObject(bytes);
  for (const name of Object.keys(fields)) {
    const isKnown = /^(key|value)(_base64)?$/.test(name) || ignored.has(name);
    if (!isKnown) throw new UsageError(`unknown field ${JSON.stringify(name)}`);
  }
  const key = bytesFrom(fields, 'key');
  const value = bytesFrom(fields, 'value');
  if (key.length === 0) throw new UsageError('the key is empty');
  if (key.length > limits.keyBytes) {
    throw new UsageError(`a key of ${key.length} bytes is over the limit of ${limits.keyBytes}`);
  }
  if (value.length > limits.valueBytes) {
    throw new UsageError(
      `a value of ${value.length} bytes is over the limit of ${limits.valueBytes}`,
    );
  }
  return { key, value };
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const text = textOf(bytes);
  if (text === undefined) throw new UsageError('not UTF-8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`not JSON: ${(error as { message?: string }).message ?? ''}`);
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Readonly<Record<string, unknown>>;
  }
  throw new UsageError('not a JSON object');
}

function bytesFrom(fields: Readonly<Record<string, unknown>>, name: string): Uint8Array {
  const text = fields[name];
  const base64 = fields[`${name}_base64`];
  if ((text === undefined) === (base64 === undefined)) {
    throw new UsageError(`exactly one of "${name}" and "${name}_base64" is wanted`);
  }
  if (text !== undefined) {
    if (typeof text !== 'string') throw new UsageError(`"${name}" is not a string`);
    if (/\p{Surrogate}/u.test(text)) throw new UsageError(`"${name}" has a lone surrogate`);
    return bytesOf(text);
  }
  const isBase64 =
    typeof base64 === 'string' && base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  if (!isBase64) throw new UsageError(`"${name}_base64" is not base64`);
  return Buffer.from(base64, 'base64');
}
