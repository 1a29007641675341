import { BinaryReader } from '@bufbuild/protobuf/wire';
import { DougError } from './doug-error.js';
import { type LimitTable, limits } from './limits.js';

/** The decoding half of a generated message. */
export interface MessageDecoder<T> {
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}

/**
 * Decodes a request of a client with a generated codec. `bytes` fields of the result are views of the
 * input.
 * @throws DougError INVALID_ARGUMENT for whatever cannot be decoded, integers of 2^53 and more,
 * unknown fields (also in messages inside) and bytes left over; TOO_LARGE above `requestBytes`
 */
export function decodeRequest<T extends object>(
  decoder: MessageDecoder<T>,
  bytes: Uint8Array,
  table: LimitTable = limits,
): T {
  checkRequestBytes(bytes, table);
  let message: T;
  try {
    message = decodeWhole(decoder, bytes);
  } catch (error) {
    throw new DougError('INVALID_ARGUMENT', 'malformed request', { cause: error });
  }
  refuseUnknownFields(message);
  return message;
}

/**
 * Decodes and makes sure that all bytes were used: the generated decoder stops quietly at field 0 and
 * at an end-group tag. It does the same in a message inside; where the bytes behind still make sense,
 * that goes unnoticed. The hand-written codecs have no such leniency.
 * @throws RangeError or Error of the generated code
 */
export function decodeWhole<T>(decoder: MessageDecoder<T>, bytes: Uint8Array): T {
  const reader = new BinaryReader(bytes);
  const message = decoder.decode(reader, bytes.length);
  if (reader.pos !== bytes.length) throw new RangeError('bytes left over');
  return message;
}

/** Checks the size of an encoded request. @throws DougError TOO_LARGE */
export function checkRequestBytes(bytes: Uint8Array, table: LimitTable = limits): void {
  if (bytes.length <= table.requestBytes) return;
  throw new DougError(
    'TOO_LARGE',
    `request of ${bytes.length} bytes is over the limit of ${table.requestBytes}`,
  );
}

/** Refuses what this version does not know, also in messages inside. @throws DougError INVALID_ARGUMENT */
export function refuseUnknownFields(message: object): void {
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
