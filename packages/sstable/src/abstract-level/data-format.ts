/** Formats in which abstract-level hands over keys and values, and gets them back. */
export type DataFormat = 'utf8' | 'buffer' | 'view';

export type Data = string | Buffer | Uint8Array;

/** The bytes of a key or value, which may be the caller's own. */
export function toBytes(data: Data): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
}

/** Bytes that nobody else changes. */
export function toOwnBytes(data: Data): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data.slice();
}

/** Bytes that belong to the caller already. */
export function fromOwnBytes(bytes: Uint8Array, format: DataFormat): Data {
  if (format === 'view') return bytes;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return format === 'utf8' ? buffer.toString('utf8') : buffer;
}

/** A copy of bytes that will change. */
export function fromView(bytes: Uint8Array, format: DataFormat): Data {
  if (format === 'utf8') return fromOwnBytes(bytes, format);
  return format === 'view' ? new Uint8Array(bytes) : Buffer.from(bytes);
}
