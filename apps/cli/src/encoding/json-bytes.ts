const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The text of bytes; undefined: they are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return undefined;
    throw error;
  }
}

/** `name`, or `name_base64` for bytes that are no UTF-8: as a field of a JSON object. */
export function bytesField(name: string, bytes: Uint8Array): Record<string, string> {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  return { [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
}

/** The bytes of text from the command line. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text for people: what is no printable UTF-8 is escaped. */
export function printable(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined) {
    return Array.from(bytes, (byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('');
  }
  return text.replace(/[\p{Cc}\p{Cf}\\]/gu, (char) => {
    const known: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
    return known[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
