import { HistoryFormatError } from '../history/history-format-error.js';

const newline = 0x0a;

/** UTF-8, never repaired: two keys must not become one. @throws HistoryFormatError with the first bad line */
export function decodeText(bytes: Uint8Array): string {
  const text = decode(bytes);
  if (text !== null) return text;
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(newline, start);
    const stop = end === -1 ? bytes.length : end;
    if (decode(bytes.subarray(start, stop)) === null) break;
    start = stop + 1;
  }
  throw new HistoryFormatError(line, 'not UTF-8');
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    // Anything else, a text too long for a string for one, is not about the encoding.
    if ((error as { code?: unknown }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    return null;
  }
}
