import { SstError, SstErrorCode } from '../contract.js';
import { compareKeys } from '../encoding/key-order.js';
import { levelDbCodec } from '../leveldb/block-codec.js';
import { decodeLevelDbFooter, isLevelDbFooter } from '../leveldb/table-format.js';
import type { ReadableFiles } from '../open-files.js';
import { type BlockCodec, codecOf } from './block-codec.js';
import { BlockFile } from './block-file.js';
import { type BlockHandle, decodeFooter, FOOTER_BYTES } from './format.js';

/** What the manifest says a table file must be. */
export interface ExpectedTable {
  readonly sizeBytes: number;
  /** null: a table of LevelDB's, which has none. */
  readonly tableId: Uint8Array | null;
}

/** What the end of a table file says of it, whichever of the two formats it has. */
export interface TableEnd {
  readonly format: 'native' | 'leveldb';
  readonly metaindex: BlockHandle;
  readonly index: BlockHandle;
  readonly levels: 1 | 2;
  readonly tableId: Uint8Array | null;
  readonly codec: BlockCodec;
}

/** Shortest file that can be a table of either format. */
const SHORTEST_BYTES = 48;

/**
 * Opens a table file and reads its footer.
 * @param expected null where no manifest is at hand
 * @throws SstError SST_CORRUPT, SST_FOREIGN, SST_NEWER_FORMAT, SST_IO
 */
export function openTableFile(
  fs: ReadableFiles,
  path: string,
  expected: ExpectedTable | null,
): { readonly file: BlockFile; readonly end: TableEnd } {
  const file = BlockFile.open(fs, path);
  try {
    checkSize(path, file.sizeBytes, expected);
    const { end } = readEnd(file);
    checkIdentity(file, end, expected);
    return { file, end };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The footer's bytes and what they say. @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO */
export function readEnd(file: BlockFile): { readonly bytes: Uint8Array; readonly end: TableEnd } {
  const { path, sizeBytes } = file;
  const length = Math.min(FOOTER_BYTES, sizeBytes);
  const tail = file.read(sizeBytes - length, length);
  if (isLevelDbFooter(tail)) {
    const bytes = tail.subarray(length - levelDbCodec.footerBytes);
    const handles = decodeLevelDbFooter(bytes, sizeBytes - bytes.length, path);
    const end: TableEnd = {
      format: 'leveldb',
      ...handles,
      levels: 1,
      tableId: null,
      codec: levelDbCodec,
    };
    return { bytes, end };
  }
  if (length < FOOTER_BYTES) throw tooShort(path, sizeBytes, `at least ${FOOTER_BYTES}`);
  const footer = decodeFooter(tail, sizeBytes - FOOTER_BYTES, path);
  const { metaindex, index, levels, tableId } = footer;
  return {
    bytes: tail,
    end: { format: 'native', metaindex, index, levels, tableId, codec: codecOf(footer) },
  };
}

function checkSize(path: string, sizeBytes: number, expected: ExpectedTable | null): void {
  if (expected !== null && sizeBytes !== expected.sizeBytes) {
    throw tooShort(path, sizeBytes, String(expected.sizeBytes), expected.sizeBytes);
  }
  if (sizeBytes < SHORTEST_BYTES) throw tooShort(path, sizeBytes, `at least ${SHORTEST_BYTES}`);
}

function tooShort(path: string, sizeBytes: number, wanted: string, other = sizeBytes): SstError {
  return new SstError(
    SstErrorCode.Corrupt,
    `${path} has ${sizeBytes} bytes, should have ${wanted}`,
    { file: path, offset: Math.min(sizeBytes, other) },
  );
}

function checkIdentity(file: BlockFile, end: TableEnd, expected: ExpectedTable | null): void {
  if (expected === null) return;
  const { tableId } = expected;
  const isRight =
    tableId === null || end.tableId === null
      ? tableId === end.tableId
      : compareKeys(end.tableId, tableId) === 0;
  if (isRight) return;
  const { path, sizeBytes } = file;
  throw new SstError(SstErrorCode.Foreign, `${path} is another table than the manifest names`, {
    file: path,
    offset: end.tableId === null ? sizeBytes - end.codec.footerBytes : sizeBytes - 40,
  });
}
