/**
 * A record of LevelDB's write-ahead log.
 *
 * ```
 * batch  sequence of the first entry u64 | number of entries u32 | entry ...
 * entry  kind u8 | key, behind its length | for kind 1 the value, behind its length
 * ```
 */
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { codeOf } from '../encoding/error-code.js';
import { Kind, MAX_KEY_BYTES, MAX_SEQUENCE, MAX_VALUE_BYTES } from '../encoding/internal-key.js';
import { decodeLog } from './log-format.js';

export interface BatchEntry {
  readonly sequence: number;
  readonly kind: Kind;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Keys and values are views. @throws DecodeError */
export function decodeBatch(record: Uint8Array): BatchEntry[] {
  const reader = new ByteReader(record);
  const first = reader.u64();
  const count = reader.u32();
  const entries: BatchEntry[] = [];
  while (!reader.done) {
    const kind = reader.u8();
    if (kind !== Kind.Set && kind !== Kind.Delete) {
      throw new DecodeError(`an entry has the unknown kind ${kind}`);
    }
    const key = reader.prefixed();
    const value = kind === Kind.Set ? reader.prefixed() : NOTHING;
    entries.push({ sequence: first + entries.length, kind, key, value });
  }
  if (entries.length !== count) {
    throw new DecodeError(`a batch says that it has ${count} entries, has ${entries.length}`);
  }
  return entries;
}

export interface LogBatches {
  readonly batches: readonly { readonly offset: number; readonly entries: readonly BatchEntry[] }[];
  readonly tail: 'clean' | 'torn';
}

/**
 * All batches of a write-ahead log.
 * @throws SstError SST_CORRUPT; SST_NEWER_FORMAT for entries longer or newer than we can hold
 */
export function decodeLogBatches(log: Uint8Array, file: string): LogBatches {
  const { records, tail } = decodeLog(log, file);
  const batches = records.map(({ bytes, offset }) => {
    try {
      const entries = decodeBatch(bytes);
      for (const { sequence, key, value } of entries) {
        if (
          sequence <= MAX_SEQUENCE &&
          key.length <= MAX_KEY_BYTES &&
          value.length <= MAX_VALUE_BYTES
        ) {
          continue;
        }
        throw new SstError(
          SstErrorCode.Newer,
          `${file}: an entry of the record at ${offset} is longer or newer than can be held here`,
          { file, offset },
        );
      }
      return { offset, entries };
    } catch (error) {
      if (codeOf(error) !== 'DECODE') throw error;
      throw new SstError(
        SstErrorCode.Corrupt,
        `${file}: the record at ${offset} has a right checksum and wrong contents`,
        { file, offset, cause: error },
      );
    }
  });
  return { batches, tail };
}
