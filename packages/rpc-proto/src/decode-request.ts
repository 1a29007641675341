import { BinaryReader } from '@bufbuild/protobuf/wire';
import { DougError } from './doug-error.js';

/** The decoding half of a generated message. */
export interface MessageDecoder<T> {
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}

/**
 * Decodes a request of a client with a generated codec. `bytes` fields of the result are views of the
 * input.
 * @throws DougError INVALID_ARGUMENT for whatever cannot be decoded, integers of 2^53 and more,
 * unknown fields (also in messages inside) and bytes left over
 */
export function decodeRequest<T extends object>(decoder: MessageDecoder<T>, bytes: Uint8Array): T {
  const reader = new BinaryReader(bytes);
  let message: T;
  try {
    message = decoder.decode(reader, bytes.length);
  } catch (error) {
    throw new DougError('INVALID_ARGUMENT', 'malformed request', { cause: error });
  }
  // The generated decoder stops quietly at field 0 and at an end-group tag, and a length that lies
  // may lead it beyond the end of a message inside.
  if (reader.pos !== bytes.length)
    throw new DougError('INVALID_ARGUMENT', 'malformed request: bytes left over');
  refuseUnknownFields(message);
  return message;
}

function refuseUnknownFields(message: object): void {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    if (name !== '_unknownFields') {
      refuseUnknownFields(value);
      continue;
    }
    for (const tag of Object.keys(value)) {
      throw new DougError(
        'INVALID_ARGUMENT',
        `unknown field ${Number(tag) >>> 3} or wrong wire type`,
      );
    }
  }
}
