import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { readU32 } from '../encoding/internal-key.js';

/**
 * Decodes a block whose keys are plain names (metaindex, properties) into a map. Values are views.
 * @throws DecodeError
 */
export function decodePlainBlock(block: Uint8Array): Map<string, Uint8Array> {
  const restarts = block.length < 4 ? 0 : readU32(block, block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  if (restarts === 0 || end < 0) throw new DecodeError('the block has no restart points');
  const reader = new ByteReader(block, 0, end);
  const entries = new Map<string, Uint8Array>();
  let name = '';
  while (!reader.done) {
    const shared = reader.uvarint();
    const unshared = reader.uvarint();
    const valueLength = reader.uvarint();
    if (shared > name.length) throw new DecodeError('a name shares more than there is');
    name = name.slice(0, shared) + ascii(reader.raw(unshared));
    entries.set(name, reader.raw(valueLength));
  }
  return entries;
}

/** Names in a plain block are ASCII. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function ascii(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
