import type { Compare, KeyRange, TxnStep } from '@dougdb/client';
import { UsageError } from '../cli-errors.js';
import { bytesOf, textOf } from '../encoding/json-bytes.js';

/** A transaction as the client takes it, keys and values as bytes. */
export interface ParsedTxn {
  readonly if: readonly Compare<Uint8Array>[];
  readonly then: readonly TxnStep<Uint8Array>[];
  readonly else: readonly TxnStep<Uint8Array>[];
}

type Json = Readonly<Record<string, unknown>>;

const example = `'{"if":[{"key":"k","exists":false}],"then":[{"put":"k","value":"v"}]}'`;

/**
 * Reads a transaction: the objects of `@dougdb/client` as JSON. Keys and values are strings, or {"base64": "..."} for
 * bytes that are no text. What the fields mean, and whether they make sense together, the client says.
 * @throws UsageError
 */
export function parseTxn(input: Uint8Array): ParsedTxn {
  const text = textOf(input);
  if (text === undefined) throw invalid('it is no UTF-8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is no JSON: ${(error as Error).message}`);
  }
  const txn = objectOf('it', json);
  const unknown = Object.keys(txn).find((name) => !['if', 'then', 'else'].includes(name));
  if (unknown !== undefined) throw invalid(`it has if, then and else, and no '${unknown}'`);
  return {
    if: listOf(txn, 'if', parseCompare),
    then: listOf(txn, 'then', parseStep),
    else: listOf(txn, 'else', parseStep),
  };
}

function listOf<T>(txn: Json, name: string, parse: (where: string, one: Json) => T): T[] {
  // Null is no empty list: a condition that got lost on its way here would else be one that holds.
  const list = txn[name] === undefined ? [] : txn[name];
  if (!Array.isArray(list)) throw invalid(`'${name}' is no list`);
  return list.map((one, at) => {
    const where = `${name}[${at}]`;
    return parse(where, objectOf(where, one));
  });
}

function parseCompare(where: string, json: Json): Compare<Uint8Array> {
  return withBytes(where, json, ['key', 'prefix', 'start', 'end', 'value']) as never;
}

function parseStep(where: string, json: Json): TxnStep<Uint8Array> {
  const step = withBytes(where, json, ['put', 'delete', 'get', 'value']) as Record<string, unknown>;
  for (const name of ['scan', 'deleteRange']) {
    if (step[name] === undefined) continue;
    const inner = `${where}.${name}`;
    step[name] = withBytes(inner, objectOf(inner, step[name]), ['prefix', 'start', 'end']);
  }
  return step as never;
}

/** A copy in which these fields are bytes. */
function withBytes(where: string, json: Json, names: readonly string[]): Json & KeyRange {
  const copy: Record<string, unknown> = { ...json };
  for (const name of names) {
    if (copy[name] !== undefined) copy[name] = parseBytes(`${where}.${name}`, copy[name]);
  }
  return copy;
}

function parseBytes(where: string, value: unknown): Uint8Array {
  if (typeof value === 'string') {
    if ((value as string & { isWellFormed(): boolean }).isWellFormed()) return bytesOf(value);
    throw invalid(`${where} has a lone surrogate: it has no UTF-8`);
  }
  const { base64, ...rest } = Object(value) as { base64?: unknown };
  const isBase64 = typeof base64 === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  if (isBase64 && Object.keys(rest).length === 0)
    return new Uint8Array(Buffer.from(base64, 'base64'));
  throw invalid(`${where} is a string or {"base64": "..."}`);
}

function objectOf(where: string, value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw invalid(`${where} is no object`);
}

function invalid(what: string): UsageError {
  return new UsageError(
    `a transaction is one JSON object on standard input: ${what}`,
    `as ${example}`,
  );
}
