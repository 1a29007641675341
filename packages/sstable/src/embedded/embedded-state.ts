/**
 * What the manifest of an embedded database says of its logs: its host state.
 *
 * ```
 * format u8 (1) | database id, 16 bytes | flags u8 | first log uvarint | sequence uvarint
 * ```
 * Everything up to `sequence` is in tables. The batches behind it are in the logs from `first log` on,
 * which may hold older ones too. Flag 1: that log was made, so it must be there.
 */
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';

export const DATABASE_ID_BYTES = 16;

const FORMAT_VERSION = 1;
const LOG_IS_MADE = 1;

export interface EmbeddedState {
  /** Random; stands in each log, so that a log of another database is told apart. */
  readonly databaseId: Uint8Array;
  readonly firstLog: number;
  readonly isLogMade: boolean;
  readonly sequence: number;
}

export function encodeState(state: EmbeddedState): Uint8Array {
  return new ByteWriter()
    .u8(FORMAT_VERSION)
    .raw(state.databaseId)
    .u8(state.isLogMade ? LOG_IS_MADE : 0)
    .uvarint(state.firstLog)
    .uvarint(state.sequence)
    .finish();
}

/** @throws SstError SST_CORRUPT, SST_NEWER_FORMAT */
export function decodeState(bytes: Uint8Array): EmbeddedState {
  try {
    const reader = new ByteReader(bytes);
    const format = reader.u8();
    if (format !== FORMAT_VERSION) {
      throw new SstError(
        SstErrorCode.Newer,
        `the state record has format ${format}, this program knows ${FORMAT_VERSION}`,
      );
    }
    const databaseId = reader.raw(DATABASE_ID_BYTES).slice();
    const flags = reader.u8();
    const state = {
      databaseId,
      isLogMade: (flags & LOG_IS_MADE) !== 0,
      firstLog: reader.uvarint(),
      sequence: reader.uvarint(),
    };
    if (flags > LOG_IS_MADE || !reader.done) throw new DecodeError('it says more than is known');
    return state;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new SstError(SstErrorCode.Corrupt, `the state record does not decode: ${error.message}`);
  }
}
