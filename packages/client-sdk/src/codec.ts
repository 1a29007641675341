import { DougError } from '@dougdb/rpc-proto';

/** What a program may name a key by: text, as UTF-8, or bytes. */
export type Key = string | Uint8Array;

/** Anything that survives JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** How values (and the keys of answers) become bytes and come back. */
export interface Codec<V, K extends Key = string> {
  /**
   * The bytes of a value; they belong to the client from then on (a put may be sent again later, and
   * must then carry the same bytes). What it throws rejects the call as DOUG_INVALID_ARGUMENT, with the cause.
   */
  encode(value: V): Uint8Array;
  /**
   * The value of bytes, which are valid during the call only. What it throws becomes DOUG_DECODE with
   * the cause.
   */
  decode(bytes: Uint8Array): V;
  /** What keys of answers are: text (fatal if they are none) or bytes. Default 'utf8'. */
  readonly keys?: K extends string ? 'utf8' : 'bytes';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as UTF-8; bytes that are none are refused (never U+FFFD). The default. */
export const utf8Codec: Codec<string> = Object.freeze({
  encode: encodeUtf8,
  decode: (bytes: Uint8Array) => utf8.decode(bytes),
});

/** Bytes as they are, keys of answers too. */
export const bytesCodec: Codec<Uint8Array, Uint8Array> = Object.freeze({
  encode: (value: Uint8Array) => {
    if (!isBytes(value)) {
      throw new DougError('INVALID_ARGUMENT', `a Uint8Array is wanted, not ${typeof value}`);
    }
    return new Uint8Array(value);
  },
  decode: (bytes: Uint8Array) => new Uint8Array(bytes),
  keys: 'bytes' as const,
});

/** JSON as UTF-8 text. */
export const jsonCodec: Codec<JsonValue> = Object.freeze({
  encode: (value: JsonValue) => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) {
      throw new DougError('INVALID_ARGUMENT', `${typeof value} has no JSON`);
    }
    return encodeUtf8(text);
  },
  decode: (bytes: Uint8Array) => JSON.parse(utf8.decode(bytes)) as JsonValue,
});

/** The codecs that have a name, and what they carry. */
export interface NamedCodecs {
  readonly utf8: { readonly value: string; readonly key: string };
  readonly bytes: { readonly value: Uint8Array; readonly key: Uint8Array };
  readonly json: { readonly value: JsonValue; readonly key: string };
}

const named = { utf8: utf8Codec, bytes: bytesCodec, json: jsonCodec };

/** A codec by its name, or as it is. @throws DougError INVALID_ARGUMENT for what is neither */
export function resolveCodec<V, K extends Key>(
  codec: Codec<V, K> | keyof NamedCodecs,
): Codec<V, K> {
  if (typeof codec === 'object' && codec !== null) return checkCodec(codec);
  if (!Object.hasOwn(named, codec)) {
    throw new DougError('INVALID_ARGUMENT', `unknown codec '${String(codec)}'`);
  }
  return named[codec] as unknown as Codec<V, K>;
}

function checkCodec<V, K extends Key>(codec: Codec<V, K>): Codec<V, K> {
  const { encode, decode, keys = 'utf8' } = codec;
  const areFunctions = typeof encode === 'function' && typeof decode === 'function';
  if (areFunctions && (keys === 'utf8' || keys === 'bytes')) return codec;
  throw new DougError(
    'INVALID_ARGUMENT',
    "a codec has encode, decode and, if any, keys 'utf8' or 'bytes'",
  );
}

/** The bytes of a key, not shared with the caller. @throws DougError INVALID_ARGUMENT */
export function encodeKey(key: Key): Uint8Array {
  if (typeof key === 'string') return encodeUtf8(key);
  if (isBytes(key)) return new Uint8Array(key);
  throw new DougError('INVALID_ARGUMENT', `a key is a string or a Uint8Array, not ${typeof key}`);
}

/** The key of bytes, which are valid during the call only. @throws DougError DECODE */
export function decodeKey<V, K extends Key>(codec: Codec<V, K>, bytes: Uint8Array): K {
  if (codec.keys === 'bytes') return new Uint8Array(bytes) as K;
  try {
    return utf8.decode(bytes) as K;
  } catch (cause) {
    throw new DougError('DECODE', "a key is not UTF-8: use the codec 'bytes'", { cause });
  }
}

/** The bytes of a value. @throws DougError INVALID_ARGUMENT */
export function encodeValue<V, K extends Key>(codec: Codec<V, K>, value: V): Uint8Array {
  let bytes: unknown;
  try {
    bytes = codec.encode(value);
  } catch (cause) {
    if (DougError.is(cause)) throw cause;
    throw new DougError('INVALID_ARGUMENT', 'the codec refused the value', { cause });
  }
  if (isBytes(bytes)) return bytes;
  throw new DougError('INVALID_ARGUMENT', `the codec made ${typeof bytes} of a value, not bytes`);
}

/** The value of bytes. @throws DougError DECODE */
export function decodeValue<V, K extends Key>(codec: Codec<V, K>, bytes: Uint8Array): V {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new DougError(
      'DECODE',
      "the codec refused a value that was read (codec 'bytes' takes any)",
      {
        cause,
      },
    );
  }
}

/**
 * UTF-8 of text. Lone surrogates have none: they are refused, because replacing them would make
 * different keys equal. @throws DougError INVALID_ARGUMENT
 */
export function encodeUtf8(text: string): Uint8Array {
  if (typeof text !== 'string') {
    throw new DougError('INVALID_ARGUMENT', `a string is wanted, not ${typeof text}`);
  }
  if (!(text as WellFormedString).isWellFormed()) {
    throw new DougError('INVALID_ARGUMENT', 'text with a lone surrogate has no UTF-8');
  }
  // Buffer.from cuts short texts from a pool: cheaper than TextEncoder for what keys are like.
  return Buffer.from(text, 'utf8');
}

/** Not `instanceof`: bytes of another realm are bytes too. */
function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && 'BYTES_PER_ELEMENT' in value && value.BYTES_PER_ELEMENT === 1;
}

// ES2024; in every Node.js that this package supports.
type WellFormedString = string & { isWellFormed(): boolean };
