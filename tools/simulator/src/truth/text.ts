/** Keys and values as text with a character for each byte: compares like the bytes, and can key a Map. */
export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
