/**
 * As much of the protobuf encoding as reflection needs: strings, bytes and messages inside, numbers
 * only to be stepped over.
 */

/** Calls `field` for each length-delimited field. @throws RangeError for garbage */
export function eachField(
  bytes: Uint8Array,
  field: (number: number, value: Uint8Array) => void,
): void {
  let pos = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[pos++];
      if (byte === undefined || scale > 2 ** 63) throw new RangeError('malformed message');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (pos < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === 0) varint();
    else if (type === 1) pos += 8;
    else if (type === 5) pos += 4;
    else if (type === 2) {
      const length = varint();
      if (length > bytes.length - pos) throw new RangeError('malformed message');
      field(Math.floor(tag / 8), bytes.subarray(pos, pos + length));
      pos += length;
    } else throw new RangeError('malformed message');
  }
}

/** A length-delimited field. */
export function encodeField(number: number, value: Uint8Array | string): Uint8Array {
  const content = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varintBytes(number * 8 + 2), varintBytes(content.length), content]);
}

/** A field with a small number. */
export function encodeNumber(number: number, value: number): Uint8Array {
  return Buffer.concat([varintBytes(number * 8), varintBytes(value)]);
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
