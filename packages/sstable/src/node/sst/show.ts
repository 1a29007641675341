/** Printable ASCII in quotes, anything else as hex: one form for each byte string, and none is ambiguous. */
export function showBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    // Quotes and backslashes would need escapes.
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return showHex(bytes);
    text += String.fromCharCode(byte);
  }
  return `"${text}"`;
}

export function showHex(bytes: Uint8Array): string {
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Bytes as fields of a JSON line: text where they are UTF-8, else base64. */
export function jsonBytes(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
  }
}
